package web

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Joining is what the pages of invitations stand on: /j/{token} shows the ways into a group, and /y/{token} is where she says
// yes whose mail address was given there.
type Joining struct {
	Groups  Groups
	Guests  Guests
	Confirm Confirmer
	Ways    func(ctx context.Context, group gateway.ID, link gateway.Private) Ways
	Notice  func(ctx context.Context, n gateway.OwnerNotice) error // keeps what owners must be told
}

// Groups lists the groups, and the words that they use instead of the shipped ones.
type Groups interface {
	Groups(ctx context.Context) ([]gateway.Group, error)
	Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error)
}

// Guests takes in those who were invited.
type Guests interface {
	gateway.Enrolments
	gateway.Tries
}

// Confirmer takes a yes, as gateway.Consents does.
type Confirmer interface {
	ConfirmAddress(ctx context.Context, group gateway.ID, kind string, address gateway.Private, topics []string, proof gateway.Consent) ([]gateway.ID, error)
}

// Ways are the ways into a group that its channels offer.
type Ways struct {
	Telegram string // opens the chat with its bot, with the link's secret; empty: it has none
	Number   string // takes text messages; empty: it has none
	Mail     bool   // it can send mail
}

const (
	joinKind      = "email"
	asksWaiting   = 100 // at most, to be carried out behind their answers
	asksOfNetwork = 20  // from one network in an hour
)

// wish is that an address be asked whether its owner wants to join.
type wish struct {
	invitation gateway.Invitation
	group      gateway.Group
	address    gateway.Private
	locale     string
	network    string
}

// shownWays is what the page of an invitation shows.
type shownWays struct {
	Ways
	Group     isolated
	At        isolated // the number
	Topics    []string
	Languages []choice
	Address   string
	None      bool
}

// reader is spoken to as the page's address asks for, else as her browser does.
func (s *Server) reader(r *http.Request) speech {
	if lang := r.URL.Query().Get("lang"); templates.Nearest(lang, slices.Collect(maps.Keys(s.words))) != "" {
		return s.speak([]string{lang}, time.UTC)
	}
	return s.stranger(r)
}

// invitation finds the live invitation of a link's secret. What has ended and what never was are answered alike: false.
func (s *Server) invitation(w http.ResponseWriter, r *http.Request) (i gateway.Invitation, g gateway.Group, ok bool) {
	begun := s.Now()
	err := error(gateway.ErrNotFound)
	if token := r.PathValue("token"); gateway.IsLinkSecret(token) {
		var all []gateway.Group
		all, err = s.Joining.Groups.Groups(r.Context())
		for _, one := range all {
			if i, err = s.Guests.InvitationByCode(r.Context(), one.ID, gateway.Private(token)); !errors.Is(err, gateway.ErrNotFound) {
				g = one
				break
			}
		}
		if err == nil && g.ID.IsZero() {
			err = gateway.ErrNotFound
		}
	}
	if err != nil {
		s.noWay(w, r, begun, err)
	}
	return i, g, err == nil
}

// noWay answers a link that leads nowhere, no sooner than one that leads somewhere.
func (s *Server) noWay(w http.ResponseWriter, r *http.Request, begun time.Time, err error) {
	if !errors.Is(err, gateway.ErrNotFound) {
		s.failed(w, r, "an invitation cannot be read", err)
		return
	}
	s.Wait(r.Context(), begun.Add(steady))
	s.write(w, http.StatusNotFound, "plain", page{speech: s.reader(r), Title: "join_title", Text: "join_gone"})
}

// invite shows the ways into a group.
func (s *Server) invite(w http.ResponseWriter, r *http.Request) {
	if i, g, ok := s.invitation(w, r); ok {
		s.showWays(w, r, i, g, http.StatusOK, "", "")
	}
}

func (s *Server) showWays(w http.ResponseWriter, r *http.Request, i gateway.Invitation, g gateway.Group, status int, fault, address string) {
	token := r.PathValue("token")
	ways := s.Ways(r.Context(), g.ID, gateway.Private(token))
	ways.Mail = ways.Mail && s.Public != ""
	say := s.reader(r)
	d := shownWays{Ways: ways, Group: isolated(g.Name), At: isolated(ways.Number), Topics: say.titles(g, i.Topics), Address: address, None: ways == Ways{}}
	for _, name := range slices.Sorted(maps.Keys(s.words)) {
		d.Languages = append(d.Languages, choice{Value: name, Text: templates.LanguageName(name, name), On: name == say.plain})
	}
	s.write(w, status, "join", page{speech: say, Title: "join_title", Fault: fault, Token: token, Form: formToken(token), Data: d})
}

// titles gives what those of a group's topics are called in the language of a page.
func (s speech) titles(g gateway.Group, names []string) (all []string) {
	for _, t := range g.Topics {
		if slices.Contains(names, t.Name) {
			all = append(all, s.title(t))
		}
	}
	return all
}

// title is what a topic is called in the language of a page.
func (s speech) title(t gateway.Topic) string {
	return t.Called(templates.Nearest(s.plain, slices.Collect(maps.Keys(t.Titles))))
}

// giveAddress takes the mail address of whoever wants to join. The answer is written before anything is done, and says the
// same whoever has the address (threat T14).
func (s *Server) giveAddress(w http.ResponseWriter, r *http.Request) {
	i, g, ok := s.invitation(w, r)
	if !ok {
		return
	}
	if v := (visit{Server: s, w: w, r: r, token: r.PathValue("token")}); !v.genuine() {
		s.plain(w, r, http.StatusForbidden, "stale")
		return
	}
	typed := r.PostFormValue("address")
	address, err := s.Parse(g.ID, joinKind, g.Region, typed)
	if err != nil {
		s.showWays(w, r, i, g, http.StatusUnprocessableEntity, "fault_address", typed)
		return
	}
	say := s.reader(r)
	select {
	case s.asks <- wish{invitation: i, group: g, address: address, locale: cmp.Or(i.Locale, say.plain), network: networkOf(r.RemoteAddr)}:
	default:
		s.Log.Warn("more want to join by mail than can be asked; some who gave an address get no mail", "group", g.ID)
	}
	s.write(w, http.StatusOK, "plain", page{speech: say, Title: "join_title", Text: "join_sent"})
}

// networkOf names the network of a request for counting: 24 bits of an address of version 4, 48 of one of version 6. Empty:
// it comes from a machine nearby, such as a proxy, and says nothing of who asks.
func networkOf(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	from := at.Addr().Unmap()
	if from.IsLoopback() || from.IsPrivate() || from.IsLinkLocalUnicast() {
		return ""
	}
	bits := 48
	if from.Is4() {
		bits = 24
	}
	net, err := from.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return net.String()
}

// Run sends the mails by which people join, behind the answers of the pages. When the context ends it first sends those that
// wait.
func (s *Server) Run(ctx context.Context) error {
	for {
		select {
		case a := <-s.asks:
			s.carryOut(context.WithoutCancel(ctx), a)
			continue
		default:
		}
		select {
		case a := <-s.asks:
			s.carryOut(context.WithoutCancel(ctx), a)
		case <-ctx.Done():
			return nil
		}
	}
}

// askTime bounds what is done for one who wants to join.
const askTime = 30 * time.Second

func (s *Server) carryOut(ctx context.Context, a wish) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	if err := s.askToJoin(ctx, a); err != nil {
		s.Log.Error("who wants to join by mail is not asked", "group", a.group.ID, "error", err)
	}
}

// askToJoin sends an address a link to the page where its owner can say yes; a member is told that nothing has changed.
// Against an address with a STOP nothing is sent.
func (s *Server) askToJoin(ctx context.Context, a wish) error {
	limits := gateway.AskLimits(a.group.ID, joinKind, a.address, "")
	if a.network != "" {
		limits = append(limits, gateway.Limit{What: "ask of network", By: a.network, Most: asksOfNetwork, Within: time.Hour})
	}
	room, err := s.Guests.Try(ctx, 1, limits...)
	if err != nil {
		return fmt.Errorf("count who is asked: %w", err)
	}
	if !room {
		s.Log.Warn("mails to join are asked for too often, for one address or group or from one network; this one is not sent", "group", a.group.ID)
		return s.Notice(ctx, gateway.LimitNotice(a.group.ID, s.Now()))
	}
	own, err := s.Joining.Groups.Wordings(ctx, a.group.ID)
	if err != nil {
		return fmt.Errorf("read the group's wordings: %w", err)
	}
	sources := templates.ShippedText(templates.EnrolLink)
	maps.Copy(sources, own[templates.EnrolLink])
	done, err := s.Guests.Enrol(ctx, gateway.Enrolment{GroupID: a.group.ID, Invitation: a.invitation.ID, Kind: joinKind, Address: a.address, Locale: a.locale, Zone: a.group.Zone, Wording: templates.Version(templates.EnrolLink, sources)})
	if errors.Is(err, gateway.ErrNotFound) {
		return nil // it is used up, or over since
	}
	if err != nil {
		return fmt.Errorf("take in who was invited: %w", err)
	}
	to := gateway.Audience{Members: []gateway.ID{done.Member}, Point: done.Point}
	key := "join:" + gateway.NewID().String()
	switch done.Outcome {
	case gateway.EnrolAlready:
		_, err = s.Tell(ctx, a.group.ID, key, templates.EnrolAlready, nil, to)
	case gateway.EnrolAsk:
		token, _ := gateway.MintPageToken()
		now := s.Now()
		if err := s.Pages.PutPageLink(ctx, gateway.PageLink{ID: gateway.NewID(), GroupID: a.group.ID, MemberID: done.Member, PointID: done.Point, Digest: yesDigest(token.Reveal()), CreatedAt: now, ExpiresAt: now.Add(gateway.PageLinkLife)}); err != nil {
			return fmt.Errorf("keep a link: %w", err)
		}
		_, err = s.Tell(ctx, a.group.ID, key, templates.EnrolLink, map[string]string{"topics": strings.Join(a.group.TopicsOf(done.Topics), "\n"), "link": s.Public + "/y/" + token.Reveal()}, to)
	}
	return err
}

// yesDigest is what the ledger keeps of a token by which somebody says yes: another than of the same token for a page.
func yesDigest(token string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("carillon yes"))
	return mac.Sum(nil)
}

// shownQuestion is what the page shows where somebody says yes.
type shownQuestion struct {
	Group  isolated
	Topics []string
}

// candidate finds whom a link asks, and about what. Done: she has said yes already.
func (s *Server) candidate(w http.ResponseWriter, r *http.Request) (v *visit, asked gateway.Asked, done, ok bool) {
	begun := s.Now()
	v = &visit{Server: s, w: w, r: r, token: r.PathValue("token")}
	err := v.findBy(r.Context(), yesDigest(v.token))
	if err == nil {
		asked, err = s.Guests.Asked(r.Context(), v.group.ID, v.member.ID)
		if done = errors.Is(err, gateway.ErrNotFound) && v.sentTo().State == gateway.PointActive; done {
			err = nil
		}
	}
	if err != nil {
		s.noWay(w, r, begun, err)
		return nil, asked, false, false
	}
	v.say = s.reader(r)
	return v, asked, done, true
}

// sentTo is the contact point that the link was sent to.
func (v *visit) sentTo() gateway.ContactPoint {
	for _, p := range v.member.Points {
		if p.ID == v.link.PointID {
			return p
		}
	}
	return gateway.ContactPoint{}
}

// question asks whether she wants to join.
func (s *Server) question(w http.ResponseWriter, r *http.Request) {
	v, asked, done, ok := s.candidate(w, r)
	switch {
	case !ok:
	case done:
		v.joined()
	default:
		v.write(w, http.StatusOK, "joining", page{speech: v.say, Title: "join_ask_title", Token: v.token, Form: formToken(v.token),
			Data: shownQuestion{Group: isolated(v.group.Name), Topics: v.say.titles(v.group, asked.Topics)}})
	}
}

func (v *visit) joined() {
	v.write(v.w, http.StatusOK, "plain", page{speech: v.say, Title: "join_done_title", Text: "join_done"})
}

// agree takes her yes, for what the mail asked her.
func (s *Server) agree(w http.ResponseWriter, r *http.Request) {
	v, asked, done, ok := s.candidate(w, r)
	if !ok {
		return
	}
	if !v.genuine() {
		s.plain(w, r, http.StatusForbidden, "stale")
		return
	}
	if p := v.sentTo(); !done && p.State == gateway.PointUnconfirmed {
		proof := gateway.Consent{Granted: true, At: s.Now(), Source: "member", Wording: asked.Wording, Locale: asked.Locale, Proof: gateway.Private("yes on the page of a link that was sent to this address, link " + v.link.ID.Short())}
		if _, err := s.Confirm.ConfirmAddress(r.Context(), v.group.ID, p.Kind, p.Address, asked.Topics, proof); err != nil {
			s.failed(w, r, "a yes cannot be kept", err)
			return
		}
		if _, err := s.Tell(r.Context(), v.group.ID, "welcome:"+v.link.ID.String(), templates.Welcome, map[string]string{"topics": strings.Join(v.group.TopicsOf(asked.Topics), "\n")}, gateway.Audience{Members: []gateway.ID{v.member.ID}, Point: p.ID}); err != nil {
			s.Log.Error("a yes is not answered", "group", v.group.ID, "error", err) // she is in all the same
		}
	}
	v.joined()
}
