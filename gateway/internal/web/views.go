package web

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/api"
	"github.com/carillon-gateway/carillon/templates"
)

// page is what every page is written from.
type page struct {
	speech
	Title, Note, Fault string // keys of words
	Text               string // key of the only paragraph of a plain page
	View               string
	Token, Form        string
	Style              template.CSS
	Data               any
}

// choice is one of several to choose from.
type choice struct {
	Value, Text string
	On          bool
}

// shownPoint is a contact point as pages show it.
type shownPoint struct {
	ID, Kind, Address, Note string
	State                   string // key of words
	Shared, Up              bool
}

// ask is a form that may have sent a code already.
type ask struct {
	Old   isolated // where the code went
	Asked bool
}

// write writes a page whole, or says that it cannot.
func (s *Server) write(w http.ResponseWriter, status int, name string, p page) {
	p.Style = s.style
	if p.Title == "" {
		p.Title = "title"
	}
	var out bytes.Buffer
	if err := s.pages.ExecuteTemplate(&out, name, p); err != nil {
		s.Log.Error("a page cannot be written", "request", w.Header().Get("X-Request-Id"), "page", name, "error", err)
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // she may have gone
}

// plain serves a page that knows nobody: a title and a sentence.
func (s *Server) plain(w http.ResponseWriter, r *http.Request, status int, text string) {
	s.write(w, status, "plain", page{speech: s.stranger(r), Title: "title", Text: text})
}

// render serves one of her views.
func (v *visit) render(status int, name string, data any) { v.answer(status, name, "", "", data) }

// answer does so with what was done, or what is wrong.
func (v *visit) answer(status int, name, note, fault string, data any) {
	if a, ok := data.(*ask); ok {
		a.Old = v.oldAddress()
	}
	v.write(v.w, status, name, page{speech: v.say, Note: note, Fault: fault, View: name, Token: v.token, Form: formToken(v.token), Data: data})
}

// oldAddress is where the link was sent, and codes are.
func (v *visit) oldAddress() isolated {
	for _, p := range v.member.Points {
		if p.ID == v.link.PointID {
			return isolated(p.Address.Reveal())
		}
	}
	return "?"
}

// kind names a kind of contact point, as far as it is a word and no name.
func (v *visit) kind(kind string) string {
	if said, err := v.say.Say("kind_" + kind); err == nil {
		return said
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

func (v *visit) shown(p gateway.ContactPoint) shownPoint {
	return shownPoint{ID: p.ID.String(), Kind: v.kind(p.Kind), Address: p.Address.Reveal(), State: "state_" + string(p.State), Shared: p.Shared}
}

// groupName is that of her group, unless she is in neutral mode: then nothing on a page says whose it is.
func (v *visit) groupName() string {
	if v.member.Neutral {
		return ""
	}
	return v.group.Name
}

// settings is what the view home shows.
type settings struct {
	Group          string
	Points         []shownPoint
	Languages      []choice
	Latin, Neutral bool
	Zone           string
	Rule, From, To string // quiet hours: Rule where they are more than From and To can say
	Alerts, Danger bool   // they pass
	WrongZone      bool   // what she entered cannot be saved
	WrongQuiet     bool
	Leads          []choice
	TopicLeads     []topicLeads
	Paused         bool
	Until          any // when the pause ends; nil: when she says so
	Days           []int
}

// quietSpan is the form of quiet hours that the page has fields for.
var quietSpan = regexp.MustCompile(`^([0-2][0-9]:[0-5][0-9])-([0-2][0-9]:[0-5][0-9])$`)

// simpleQuiet reads quiet hours as the page's fields have them; false: they say more.
func simpleQuiet(rule string) (from, to string, alerts, danger, ok bool) {
	alerts, danger = true, true
	for entry := range strings.SplitSeq(rule, ";") {
		switch entry = strings.TrimSpace(entry); {
		case entry == "":
		case entry == "alerts wait":
			alerts = false
		case entry == "danger waits":
			danger = false
		case from == "" && quietSpan.MatchString(entry):
			m := quietSpan.FindStringSubmatch(entry)
			from, to = m[1], m[2]
		default:
			return "", "", true, true, false
		}
	}
	return from, to, alerts, danger, true
}

// home serves her settings.
func (v *visit) home(fault string) {
	note := ""
	if v.r.Method == http.MethodGet && v.r.URL.Query().Has("saved") {
		note = "saved"
	}
	m := v.member
	d := settings{Group: v.groupName(), Zone: m.Zone, Neutral: m.Neutral, Latin: strings.Contains(m.Locale, "-nu-latn"), Days: []int{1, 3, 7, 14, 30, 60, 90}}
	var simple bool
	if d.From, d.To, d.Alerts, d.Danger, simple = simpleQuiet(m.Quiet); !simple {
		d.Rule = m.Quiet
	}
	for i, p := range m.Points {
		shown := v.shown(p)
		shown.Up = i > 0
		d.Points = append(d.Points, shown)
	}
	if fault != "" && v.r.PostForm.Get("do") == "save" {
		d.entered(v.r.PostForm)
	}
	d.Languages, d.Leads, d.TopicLeads = v.languages(), v.leads(), v.topicLeads()
	if m.PausedUntil.After(v.Now()) {
		if d.Paused = true; !m.PausedUntil.Equal(gateway.Endless) {
			d.Until = m.PausedUntil
		}
	}
	v.answer(statusOf(fault), "home", note, fault, d)
}

// usualLead is one of the lead times that the page offers, with its word.
type usualLead struct{ rule, word string }

var usualLeads = [...]usualLead{{gateway.DefaultRules, "leads_default"}, {"2h", "leads_hours"}, {"1d@18:00", "leads_day"}, {"1d@18:00, 2h", "leads_both"}, {"1w, 1d@18:00", "leads_week"}, {"none", "leads_none"}}

// leads lists them for all topics that have none of their own, with hers, whatever they are.
func (v *visit) leads() []choice {
	had := cmp.Or(v.member.Leads, gateway.DefaultRules)
	if rules, err := gateway.ParseLeads(v.member.Leads); err == nil {
		had = gateway.DefaultRules
		if leads, ok := rules[""]; ok {
			had = gateway.LeadList(leads)
		}
	}
	return leadChoices(usualLeads[:], had)
}

// topicLeads is what she chooses for one topic.
type topicLeads struct {
	Name, Title string
	Leads       []choice
}

// topicLeads lists the topics that she gets anywhere, with her lead times of each.
func (v *visit) topicLeads() []topicLeads {
	rules, err := gateway.ParseLeads(v.member.Leads)
	if err != nil {
		return nil
	}
	offered := slices.Clone(usualLeads[:])
	offered[0].rule, offered[0].word = "", "leads_same"
	var all []topicLeads
	for _, t := range v.group.Topics {
		if !slices.ContainsFunc(v.member.Points, func(p gateway.ContactPoint) bool {
			return p.State == gateway.PointActive && slices.Contains(p.Topics, t.Name)
		}) {
			continue
		}
		had := ""
		if leads, ok := rules[t.Name]; ok {
			had = gateway.LeadList(leads)
		}
		all = append(all, topicLeads{t.Name, v.topic(t.Name), leadChoices(offered, had)})
	}
	return all
}

// leadChoices offers lead times, and those that somebody has besides.
func leadChoices(offered []usualLead, had string) []choice {
	var all []choice
	known := false
	for _, l := range offered {
		known = known || l.rule == had
		all = append(all, choice{Value: l.rule, Text: l.word, On: l.rule == had})
	}
	if !known {
		all = append(all, choice{Value: had, Text: had, On: true})
	}
	return all
}

// chosenLeads reads what she chose: a topic that the form does not show keeps what it has. Empty: it is what she has.
func (v *visit) chosenLeads() string {
	form := v.r.PostForm
	main := form.Get("leads")
	if main == "" {
		return ""
	}
	had, err := gateway.ParseLeads(v.member.Leads)
	if err != nil && main == v.member.Leads {
		return ""
	}
	var entries []string
	if main != gateway.DefaultRules {
		entries = append(entries, main)
	}
	for name, leads := range had {
		if name != "" && !form.Has("leads-"+name) {
			entries = append(entries, name+" "+gateway.LeadList(leads))
		}
	}
	for _, t := range v.group.Topics {
		if leads := form.Get("leads-" + t.Name); leads != "" {
			entries = append(entries, t.Name+" "+leads)
		}
	}
	chosen := strings.Join(entries, "; ")
	if rules, err := gateway.ParseLeads(chosen); err == nil {
		chosen = rules.String()
	}
	if chosen == v.member.Leads {
		return ""
	}
	return cmp.Or(chosen, gateway.DefaultRules)
}

// languages lists those of the pages by their own names, with hers, whatever it is.
func (v *visit) languages() []choice {
	plain, _, _ := strings.Cut(v.member.Locale, "-u-")
	var all []choice
	for name := range v.words {
		all = append(all, choice{Value: name, Text: templates.LanguageName(name, name), On: name == plain})
	}
	if v.words[plain] == nil {
		all = append(all, choice{Value: plain, Text: orElse(templates.LanguageName(plain, plain), plain), On: true})
	}
	slices.SortFunc(all, func(a, b choice) int { return strings.Compare(a.Value, b.Value) })
	return all
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func statusOf(fault string) int {
	switch fault {
	case "":
		return http.StatusOK
	case "later":
		return http.StatusServiceUnavailable
	}
	return http.StatusUnprocessableEntity
}

// onePoint is what the view of one address shows.
type onePoint struct {
	ask
	Point     shownPoint
	Topics    []choice
	Stoppable bool
}

// asked finds the contact point that a view is about.
func (v *visit) asked() (gateway.ContactPoint, bool) {
	id, err := gateway.ParseID(v.r.URL.Query().Get("p"))
	i := slices.IndexFunc(v.member.Points, func(p gateway.ContactPoint) bool { return err == nil && p.ID == id })
	if i < 0 {
		return gateway.ContactPoint{}, false
	}
	return v.member.Points[i], true
}

// point serves one of her addresses.
func (v *visit) point(fault string) { v.pointAsked(fault, false) }

func (v *visit) pointAsked(fault string, asked bool) {
	p, ok := v.asked()
	if !ok {
		v.home("fault")
		return
	}
	d := onePoint{ask: ask{Old: v.oldAddress(), Asked: asked}, Point: v.shown(p), Stoppable: p.State != gateway.PointStopped && p.State != gateway.PointProving}
	d.Point.Note = p.Note
	if p.State == gateway.PointActive {
		offered, err := v.offered()
		if err != nil {
			v.failed(v.w, v.r, "the topics for a member cannot be found", err)
			return
		}
		for _, t := range offered {
			d.Topics = append(d.Topics, choice{Value: t.Name, Text: v.topic(t.Name), On: slices.Contains(p.Topics, t.Name)})
		}
	}
	v.answer(statusOf(fault), "point", "", fault, d)
}

// addition is what the view for a new address shows.
type addition struct {
	Old, New isolated // where codes went
	Point    string   // to be proven; empty: none is yet
	Address  string   // as it was typed
	Kinds    []choice
	fault    string
	kind     string
}

func (v *visit) add(d addition) {
	d.Old = v.oldAddress()
	for _, kind := range v.Kinds(v.group.ID) {
		d.Kinds = append(d.Kinds, choice{Value: kind, Text: v.kind(kind), On: kind == d.kind})
	}
	v.answer(statusOf(d.fault), "add", "", d.fault, d)
}

// held is what the view of her data shows.
type held struct {
	Name, Ref, Tags, Since string
	Points                 []shownPoint
	Consents               []shownConsent
	Sent                   []shownSent
	Wrote                  []shownWrote
	More                   bool // there is more than is shown
}

type shownConsent struct{ When, Topic, Said, Kind, Address, Wording, Proof string }

type shownSent struct{ When, State, Kind, Text string }

type shownWrote struct{ When, Text string }

// Bounds of what the page shows; the file has all of it. Together they keep it within 50 kB in every script.
const (
	mostConsents = 20
	mostSent     = 10
	mostWrote    = 10
	mostSnippet  = 160 // characters
)

// gather reads everything that is held of her.
func (v *visit) gather() (api.Held, bool) {
	all, err := api.Gather(v.r.Context(), v.Members, v.group, v.member.ID)
	if err != nil {
		v.failed(v.w, v.r, "what is held of a member cannot be read", err)
	}
	return all, err == nil
}

// data serves what is held of her.
func (v *visit) data() {
	all, ok := v.gather()
	if !ok {
		return
	}
	m := all.Member
	d := held{Name: m.Name.Reveal(), Ref: m.Ref.Reveal(), Tags: strings.Join(m.Tags, ", "), Since: v.day(m.CreatedAt)}
	points := map[gateway.ID]shownPoint{}
	for _, p := range m.Points {
		d.Points = append(d.Points, v.shown(p))
		points[p.ID] = v.shown(p)
	}
	slices.Reverse(all.Evidence) // the newest first
	for _, c := range all.Evidence[:min(mostConsents, len(all.Evidence))] {
		said := "said_no"
		switch {
		case c.Source == wished:
			said = ""
		case c.Granted:
			said = "said_yes"
		}
		d.Consents = append(d.Consents, shownConsent{v.day(c.At), v.topic(c.Topic), said, points[c.PointID].Kind, points[c.PointID].Address, c.Wording, snippet(c.Proof.Reveal())})
	}
	for _, sent := range all.Sent[:min(mostSent, len(all.Sent))] {
		d.Sent = append(d.Sent, shownSent{v.time(sent.At), "sent_" + string(sent.State), v.kindOf(sent.Kind), snippet(sent.Text.Reveal())})
	}
	for _, in := range all.Wrote[:min(mostWrote, len(all.Wrote))] {
		d.Wrote = append(d.Wrote, shownWrote{v.time(in.At), snippet(in.Text.Reveal())})
	}
	d.More = len(d.Consents) < len(all.Evidence) || len(d.Sent) < len(all.Sent) || len(d.Wrote) < len(all.Wrote)
	v.render(http.StatusOK, "data", d)
}

func (v *visit) kindOf(kind string) string {
	if kind == "" {
		return ""
	}
	return v.kind(kind)
}

func snippet(text string) string {
	runes := []rune(text)
	if len(runes) > mostSnippet {
		return string(runes[:mostSnippet]) + "…"
	}
	return text
}

func (v *visit) day(at time.Time) string { return v.date("{when, date, medium}", at) }

func (v *visit) time(at time.Time) string {
	return v.date("{when, date, medium} {when, time, short}", at)
}

func (v *visit) date(message string, at time.Time) string {
	sentence, err := templates.NewSentence(v.say.locale, message)
	if err != nil || at.IsZero() {
		return "–"
	}
	text, err := sentence.Render(v.say.reader, templates.Data{"when": at})
	if err != nil {
		return "–"
	}
	return text
}

// export serves all of it as a file.
func (v *visit) export() {
	all, ok := v.gather()
	if !ok {
		return
	}
	text, err := all.JSON()
	if err != nil {
		v.failed(v.w, v.r, "what is held of a member cannot be written", err)
		return
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", `attachment; filename="my-data.json"`)
	_, _ = v.w.Write(text)
}
