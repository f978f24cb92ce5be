package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"rsc.io/qr"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) invitations() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "list invitations, without their codes", Args: cobra.NoArgs}
	sh.inGroup(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Invitations(ctx, group)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ID", "LABEL", "TOPICS", "USED", "BY", "ENDS", ""}, "No invitations yet; make one with carillon invite create.", func(i gateway.Invitation) []string {
			state := ""
			switch {
			case !i.RevokedAt.IsZero():
				state = "revoked"
			case !i.ExpiresAt.After(time.Now()):
				state = "over"
			}
			return []string{i.ID.String(), i.Label, strings.Join(i.Topics, " "), fmt.Sprintf("%d of %d", i.Used, i.Uses), i.Author, clock(i.ExpiresAt), state}
		})
	})
	show := &cobra.Command{Use: "show ID", Short: "show an invitation and whom it brought in, by id", Args: cobra.ExactArgs(1)}
	sh.inGroup(show, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		v, err := api.Invitation(ctx, group, id)
		if err != nil {
			return err
		}
		return sh.tellInvitation(v)
	})
	revoke := &cobra.Command{Use: "revoke ID", Short: "end an invitation at once, and say whom it brought in", Args: cobra.ExactArgs(1)}
	sh.inGroup(revoke, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		v, err := api.RevokeInvitation(ctx, group, id)
		if err != nil {
			return err
		}
		return sh.tellInvitation(v)
	})
	return holder("invite", "invite people to join by text message, on Telegram or by mail", sh.inviteCreate(), list, show, revoke)
}

// tellInvitation shows an invitation with those whom it brought in.
func (sh *shell) tellInvitation(v gateway.InvitationView) error {
	if sh.json() {
		return sh.print(v, "")
	}
	ends := "ends " + clock(v.ExpiresAt)
	if !v.RevokedAt.IsZero() {
		ends = "revoked " + clock(v.RevokedAt)
	}
	if err := sh.say("%s  %s  made by %s, %s\ntopics: %s; used %d of %d", v.ID, v.Label, v.Author, ends, strings.Join(v.Topics, " "), v.Used, v.Uses); err != nil {
		return err
	}
	rows := make([][]string, 0, len(v.Members)+len(v.Asked))
	for _, id := range v.Members {
		rows = append(rows, []string{id.String(), "joined"})
	}
	for _, id := range v.Asked {
		rows = append(rows, []string{id.String(), "has not answered"})
	}
	return sh.table([]string{"MEMBER", ""}, rows, "It has brought in nobody.")
}

func (sh *shell) inviteCreate() *cobra.Command {
	var n client.NewInvitation
	var ends time.Duration
	var file, of string
	c := &cobra.Command{
		Use:   "create",
		Short: "make an invitation; its code and links are shown this once",
		Long: "Make an invitation. Whoever texts its code to the group's number, or opens one of its links, is asked whether she wants\n" +
			"the topics, and joins by saying yes. The code and the links are shown this once.",
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&n.Label, "label", "", "what it is for, so that it can be told from others; no name of a person")
	f.StringSliceVar(&n.Topics, "topic", nil, "what whoever joins is asked about (repeat it for several)")
	f.StringSliceVar(&n.Tags, "tag", nil, "a tag that she gets (repeat it for several)")
	f.StringVar(&n.Locale, "locale", "", "the language of those invited (absent: as their number's country speaks, or the group)")
	f.IntVar(&n.Uses, "uses", 1, "how many may join")
	f.DurationVar(&ends, "expires", 7*24*time.Hour, "how long it is good, as in 720h; a year at most")
	f.StringVar(&file, "qr", "", "a new file for a QR code, NAME.png or NAME.svg; - draws it here")
	f.StringVar(&of, "qr-of", "", "what the QR code opens: sms, telegram or page (absent: the first of these that there is)")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		switch {
		case n.Label == "":
			return wrong("--label is missing: what is it for? (a place or an occasion, such as assembly-may)")
		case len(n.Topics) == 0:
			return wrong("--topic is missing: what will whoever joins be asked about?")
		case ends <= 0 || n.Uses < 1:
			return wrong("--expires and --uses must be above zero")
		case of != "" && of != "sms" && of != "telegram" && of != "page":
			return wrong("--qr-of %q does not exist; use sms, telegram or page", of)
		case file != "" && file != "-" && filepath.Ext(file) != ".png" && filepath.Ext(file) != ".svg":
			return wrong("--qr %s: name a file that ends in .png or .svg, or - to draw it here", file)
		}
		n.ExpiresAt = time.Now().Add(ends)
		i, err := api.CreateInvitation(ctx, group, n)
		if err != nil {
			return err
		}
		if err := sh.print(i, waysIn(i)); err != nil || file == "" {
			return err
		}
		ways := map[string]string{"sms": i.SMS, "telegram": i.Telegram, "page": i.Page}
		for _, way := range []string{"sms", "telegram", "page"} {
			if of == "" && ways[way] != "" {
				of = way
			}
		}
		if ways[of] == "" {
			return fmt.Errorf("the invitation %s is made, but a QR code has nothing to open: %s", i.ID, cmp.Or(map[string]string{
				"sms": "the group has no text channel with a number", "telegram": "the group has no bot on Telegram"}[of], "the group has neither a text channel with a number nor a bot on Telegram"))
		}
		return sh.drawQR(ways[of], file)
	})
}

// waysIn says how people get in by an invitation.
func waysIn(i gateway.IssuedInvitation) string {
	b := &strings.Builder{}
	fmt.Fprintf(b, "Invitation %s, for %s, until %s. This is shown once:\n", i.ID, plural(i.Uses, "person"), clock(i.ExpiresAt))
	fmt.Fprintf(b, "  by text message  send %s %s to the group's number", i.Code[:len(i.Code)/2], i.Code[len(i.Code)/2:])
	for _, way := range [][2]string{{"a link for that  ", i.SMS}, {"on Telegram      ", i.Telegram}, {"a page, by mail  ", i.Page}} {
		if way[1] != "" {
			fmt.Fprintf(b, "\n  %s%s", way[0], way[1])
		}
	}
	if i.SMS == "" && i.Telegram == "" {
		b.WriteString("\nNobody can use it yet: the group has neither a text channel with a number nor a bot on Telegram. Set one up with: carillon channel add")
	}
	return b.String()
}

// drawQR writes a QR code into a new file, or draws it on the terminal.
func (sh *shell) drawQR(text, file string) error {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return fmt.Errorf("drawing the QR code: %w", err)
	}
	switch {
	case file == "-":
		_, err := sh.out.Write(qrBlocks(code))
		return err
	case filepath.Ext(file) == ".svg":
		return writePrivate(file, qrSVG(code))
	}
	picture, err := qrPNG(code, 8)
	if err != nil {
		return fmt.Errorf("drawing the QR code: %w", err)
	}
	return writePrivate(file, picture)
}

// margin is how many light squares stand around a QR code (ISO/IEC 18004, section 6.3.8).
const margin = 4

// qrBlocks draws a code with half blocks, two squares a character, light on whatever is behind it.
func qrBlocks(code *qr.Code) []byte {
	var b bytes.Buffer
	dark := func(x, y int) bool { return x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y) }
	for y := -margin; y < code.Size+margin; y += 2 {
		for x := -margin; x < code.Size+margin; x++ {
			switch upper, lower := dark(x, y), dark(x, y+1); {
			case upper && lower:
				b.WriteString(" ")
			case upper:
				b.WriteString("▄")
			case lower:
				b.WriteString("▀")
			default:
				b.WriteString("█")
			}
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// qrPNG draws a code with that many pixels a square. The library's own writer breaks down at some sizes.
func qrPNG(code *qr.Code, scale int) ([]byte, error) {
	side := (code.Size + 2*margin) * scale
	picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range code.Size * scale {
		for x := range code.Size * scale {
			if code.Black(x/scale, y/scale) {
				picture.SetColorIndex(x+margin*scale, y+margin*scale, 1)
			}
		}
	}
	var b bytes.Buffer
	err := png.Encode(&b, picture)
	return b.Bytes(), err
}

// qrSVG draws a code as a picture that scales.
func qrSVG(code *qr.Code) []byte {
	var b bytes.Buffer
	side := strconv.Itoa(code.Size + 2*margin)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" shape-rendering="crispEdges"><rect width="%s" height="%s" fill="#fff"/><path d="`, side, side, side, side)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+margin, y+margin)
			}
		}
	}
	b.WriteString(`"/></svg>` + "\n")
	return b.Bytes()
}
