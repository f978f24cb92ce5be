package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// Listed gives a page of members in order of id, behind after, with names and addresses masked. The group's own
// pseudonyms (Ref) stay: they are what its coordinators know members by.
func (d *Directory) Listed(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error) {
	if limit < 1 || limit > 1000 {
		return nil, gateway.Faultf(gateway.CodeInvalid, "limit %d: ask for 1 to 1000 members", limit)
	}
	page, err := d.Members.Members(ctx, group, after, limit)
	if err != nil {
		return nil, err
	}
	for i := range page {
		page[i] = Masked(page[i])
	}
	return page, nil
}

// Masked gives a member without her name and addresses in clear.
func Masked(m gateway.Member) gateway.Member {
	m.Name = maskName(m.Name)
	points := make([]gateway.ContactPoint, len(m.Points))
	for i, p := range m.Points {
		p.Address = Mask(p.Address)
		points[i] = p
	}
	m.Points = points
	return m
}

// Mask shortens an address so that its owner recognises it and nobody else can use it: "+49…42", "a…@example.org", "7…49".
func Mask(address gateway.Private) gateway.Private {
	a := address.Reveal()
	local, domain, mail := strings.Cut(a, "@")
	switch {
	case mail && local != "":
		_, first := utf8.DecodeRuneInString(local)
		return gateway.Private(local[:first] + "…@" + domain)
	case strings.HasPrefix(a, "+") && len(a) >= 9:
		return gateway.Private(a[:3] + "…" + a[len(a)-2:])
	case utf8.RuneCountInString(a) >= 6:
		runes := []rune(a)
		return gateway.Private(string(runes[:1]) + "…" + string(runes[len(runes)-2:]))
	default:
		return "…"
	}
}

func maskName(name gateway.Private) gateway.Private {
	if name == "" {
		return ""
	}
	_, first := utf8.DecodeRuneInString(name.Reveal())
	return name[:first] + "…"
}

// Show gives one member in clear, with the evidence of her consent, oldest first.
func (d *Directory) Show(ctx context.Context, group, id gateway.ID) (gateway.Member, []gateway.Consent, error) {
	m, err := d.Members.Member(ctx, group, id)
	if err != nil {
		return gateway.Member{}, nil, err
	}
	evidence, err := d.Members.Evidence(ctx, group, id)
	if err != nil {
		return gateway.Member{}, nil, fmt.Errorf("read the evidence of consent: %w", err)
	}
	return m, evidence, nil
}

// Find gives the members who have a ref (kind "ref") or an address of a kind, typed as people type it.
func (d *Directory) Find(ctx context.Context, group gateway.Group, kind, value string) ([]gateway.ID, error) {
	if kind == "ref" {
		return d.Members.FindMembers(ctx, group.ID, kind, gateway.Private(strings.TrimSpace(value)))
	}
	address, err := d.Parse(kind, group.Region, value)
	if err != nil {
		return nil, &gateway.Fault{Code: gateway.CodeInvalid, Text: "the address cannot be read: " + unquoted(err, value)}
	}
	return d.Members.FindMembers(ctx, group.ID, kind, gateway.Private(address.Reveal()))
}

// Erase destroys a member's key and deletes her rows. A STOP of her addresses stays.
func (d *Directory) Erase(ctx context.Context, group, id gateway.ID) error {
	return d.Members.Erase(ctx, group, id)
}

// Exported is everything that is known of a member, in clear, for her. It is the one form in which private fields
// leave by an encoder.
type Exported struct {
	ID       gateway.ID        `json:"id"`
	Group    string            `json:"group"`
	Ref      string            `json:"ref,omitempty"`
	Name     string            `json:"name,omitempty"`
	Language string            `json:"language"`
	Fallback []string          `json:"fallback,omitempty"`
	Zone     string            `json:"zone"`
	Neutral  bool              `json:"neutral"`
	Tags     []string          `json:"tags,omitempty"`
	Since    time.Time         `json:"since"`
	Points   []ExportedPoint   `json:"contact_points"`
	Consents []ExportedConsent `json:"consents"`
}

// ExportedPoint is a contact point of an Exported member.
type ExportedPoint struct {
	ID      gateway.ID         `json:"id"`
	Kind    string             `json:"kind"`
	Address string             `json:"address"`
	State   gateway.PointState `json:"state"`
	Topics  []string           `json:"topics"`
	Note    string             `json:"note,omitempty"`
}

// ExportedConsent is a piece of evidence of an Exported member.
type ExportedConsent struct {
	Point   gateway.ID `json:"contact_point"`
	Topic   string     `json:"topic"`
	Granted bool       `json:"granted"`
	Wording string     `json:"wording"`
	Locale  string     `json:"language"`
	At      time.Time  `json:"at"`
	Proof   string     `json:"proof"`
	Source  string     `json:"source"`
}

// Export gives everything that is known of a member.
func (d *Directory) Export(ctx context.Context, group gateway.Group, id gateway.ID) (Exported, error) {
	m, evidence, err := d.Show(ctx, group.ID, id)
	if err != nil {
		return Exported{}, err
	}
	e := Exported{
		ID: m.ID, Group: group.Slug, Ref: m.Ref.Reveal(), Name: m.Name.Reveal(), Language: m.Locale, Fallback: m.Fallback,
		Zone: m.Zone, Neutral: m.Neutral, Tags: m.Tags, Since: m.CreatedAt.UTC(),
		Points: []ExportedPoint{}, Consents: []ExportedConsent{},
	}
	for _, p := range m.Points {
		e.Points = append(e.Points, ExportedPoint{ID: p.ID, Kind: p.Kind, Address: p.Address.Reveal(), State: p.State, Topics: p.Topics, Note: p.Note})
	}
	for _, c := range evidence {
		e.Consents = append(e.Consents, ExportedConsent{
			Point: c.PointID, Topic: c.Topic, Granted: c.Granted, Wording: c.Wording, Locale: c.Locale,
			At: c.At.UTC(), Proof: c.Proof.Reveal(), Source: c.Source,
		})
	}
	return e, nil
}

// ExportAll writes every member of a group as JSON, one a line, in constant memory.
func (d *Directory) ExportAll(ctx context.Context, group gateway.Group, w io.Writer) error {
	enc := json.NewEncoder(w)
	var after gateway.ID
	for {
		page, err := d.Members.Members(ctx, group.ID, after, 200)
		if err != nil {
			return fmt.Errorf("export members: %w", err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, m := range page {
			after = m.ID
			e, err := d.Export(ctx, group, m.ID)
			if err == nil {
				err = enc.Encode(e)
			}
			if err != nil {
				return fmt.Errorf("export member %s: %w", m.ID.Short(), err)
			}
		}
	}
}

// Text writes an export for people to read, one fact a line.
func (e Exported) Text() string {
	var b strings.Builder
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-14s %s\n", label+":", value)
		}
	}
	line("Member", e.ID.String())
	line("Group", e.Group)
	line("Reference", e.Ref)
	line("Name", e.Name)
	line("Language", strings.Join(append([]string{e.Language}, e.Fallback...), ", then "))
	line("Time zone", e.Zone)
	if e.Neutral {
		line("Neutral", "yes: no group name, a pointer instead of the text")
	}
	line("Tags", strings.Join(e.Tags, ", "))
	line("Since", e.Since.Format(time.RFC3339))
	for i, p := range e.Points {
		fmt.Fprintf(&b, "\nContact point %d: %s %s (%s)\n", i+1, p.Kind, p.Address, p.State)
		line("Topics", strings.Join(p.Topics, ", "))
		line("Note", p.Note)
		for _, c := range e.Consents {
			if c.Point != p.ID {
				continue
			}
			verb := "agreed to"
			if !c.Granted {
				verb = "withdrew"
			}
			fmt.Fprintf(&b, "- %s %s %s; words %q in %s; known by %s; from %s\n", c.At.Format(time.RFC3339), verb, c.Topic, c.Wording, c.Locale, c.Proof, c.Source)
		}
	}
	return b.String()
}
