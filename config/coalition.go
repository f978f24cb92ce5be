package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
)

// Coalition is coalition.yaml: what carillon apply seeds and updates. It never holds members.
type Coalition struct {
	Groups []Group `yaml:"groups" required:"true" min:"1" max:"1000" doc:"the groups, each its own master"`
	Prices []Price `yaml:"prices" max:"10000" doc:"the operator's prices, for groups that have none of their own; in place of all there are"`
}

// Group is one group of the file.
type Group struct {
	Slug      string         `yaml:"slug" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"north-coast" doc:"the group's short name in commands and URLs, as in north-coast"`
	Name      string         `yaml:"name" required:"true" doc:"the name that its members know"`
	Locale    string         `yaml:"locale" required:"true" doc:"language of members without one of their own, as in pt-BR"`
	Fallback  []string       `yaml:"fallback" max:"20" doc:"languages to try after the member's own, in order"`
	Zone      string         `yaml:"zone" required:"true" doc:"time zone, as in Europe/Berlin"`
	Region    string         `yaml:"region" pattern:"[A-Z]{2}" like:"DE" doc:"country of telephone numbers without a prefix, as in DE"`
	Topics    []Topic        `yaml:"topics" required:"true" min:"1" max:"62" doc:"what a member may subscribe to"`
	Floor     int            `yaml:"floor" min:"2" max:"1000" doc:"smallest number of people that others are shown; absent: 10"`
	Countries []string       `yaml:"countries" max:"250" pattern:"[A-Z]{2}" like:"DE" doc:"text messages go to these countries only, as in DE; absent: to all"`
	Replies   Replies        `yaml:"replies" doc:"the group's own about what its members write"`
	Release   Release        `yaml:"release" doc:"what needs a second person; absent: nothing"`
	ClimbFrom []string       `yaml:"climb_from" max:"50" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"harbour" doc:"groups whose alerts may climb to members of this one; absent: none"`
	Budget    Budget         `yaml:"budget" doc:"what the group means to spend within a month of its zone"`
	Prices    []Price        `yaml:"prices" max:"10000" doc:"what messages cost the group; in place of all there are; absent: they stay"`
	Channels  []GroupChannel `yaml:"channels" max:"100" doc:"the group's own channels"`
	Calendars []Calendar     `yaml:"calendars" max:"20" doc:"calendars that the group reads from an address"`
	Rotas     []Rota         `yaml:"rotas" max:"100" doc:"who is on duty when: the rules, never the people"`
	Policies  []AlertPolicy  `yaml:"policies" max:"100" doc:"how alerts climb until somebody takes charge"`
	Series    []Series       `yaml:"series" max:"100" doc:"cadences of progress reports"`
	Schedules []Schedule     `yaml:"schedules" max:"1000" doc:"what is sent by the clock"`
	Wording   string         `yaml:"wording" doc:"folder with the group's own words: one folder a text, one LOCALE.md a language"`

	// Words is what the wording folder holds: text, then locale, then source.
	Words map[string]map[string]string `yaml:"-"`
}

// Release is a group's rule for what one person alone does not send.
type Release struct {
	Alerts  bool `yaml:"alerts" doc:"every alert that is no exercise"`
	Above   int  `yaml:"above" min:"1" max:"10000000" doc:"whatever is meant for more members than this"`
	Minutes int  `yaml:"minutes" min:"1" max:"10080" doc:"how long it waits for a second person; absent: 120 for an alert, 1440 for anything else"`
}

// Replies is a group's own about what its members write.
type Replies struct {
	Contact  string         `yaml:"contact" doc:"how members reach a person; HELP says it; absent: it says that a person reads the answers"`
	Rota     string         `yaml:"rota" doc:"the rota whose holder is told that somebody waits for an answer; absent: the group's owners are"`
	Words    []CommandWords `yaml:"words" max:"12" doc:"more words for commands"`
	KeepDays int            `yaml:"keep_days" doc:"for how many days messages and the answers to them are kept, 1 to 30; absent: 30"`
	Costs    []ReplyCost    `yaml:"costs" max:"100" doc:"what a reply costs whoever sends it, by language: texts that ask for one say it"`
	Acks     []AckWords     `yaml:"acks" max:"100" doc:"words that acknowledge an alert, by language"`
}

// ReplyCost is what a reply costs, in one language.
type ReplyCost struct {
	Language string `yaml:"language" required:"true" doc:"a shipped language, as in pt-BR"`
	Cost     string `yaml:"cost" required:"true" doc:"at most 20 characters, as in 0.10 EUR"`
}

// CommandWords are more words for one command.
type CommandWords struct {
	Command string   `yaml:"command" required:"true" doc:"stop, stop-all, start, pause, page, link, unlink, language, help, who, yes or no"`
	Words   []string `yaml:"words" required:"true" min:"1" max:"20" doc:"the words"`
}

// AckWords are the acknowledgement words of one language.
type AckWords struct {
	Language string   `yaml:"language" required:"true" doc:"a shipped language, as in pt-BR"`
	Words    []string `yaml:"words" required:"true" min:"1" max:"20" doc:"the words"`
}

// Budget is the caps of one month. Amounts are texts, so that no digit is lost.
type Budget struct {
	Currency     string `yaml:"currency" pattern:"[A-Z]{3}" like:"EUR" doc:"of the amounts, as in EUR"`
	Soft         string `yaml:"soft" pattern:"[0-9]{1,9}(\\.[0-9]{1,6})?" like:"40.00" doc:"the owners are told at this amount, and sending goes on; in quotes, as in \"40.00\""`
	Hard         string `yaml:"hard" pattern:"[0-9]{1,9}(\\.[0-9]{1,6})?" like:"60.00" doc:"at this amount all but alerts waits, where it costs something"`
	SoftSegments int    `yaml:"soft_segments" min:"1" max:"1000000000" doc:"the same in segments of text messages"`
	HardSegments int    `yaml:"hard_segments" min:"1" max:"1000000000" doc:"the same in segments of text messages"`
}

// Price is what one segment of a text message, or one message of another kind, costs.
type Price struct {
	Kind     string `yaml:"kind" required:"true" pattern:"[a-z]{1,40}" like:"sms" doc:"kind of contact point, as in sms"`
	Channel  string `yaml:"channel" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"sms-berlin" doc:"over this channel only; absent: every channel of the kind"`
	Country  string `yaml:"country" pattern:"[A-Z]{2}" like:"DE" doc:"to this country, as in DE; absent: every country without a price of its own"`
	Currency string `yaml:"currency" required:"true" pattern:"[A-Z]{3}" like:"EUR" doc:"as in EUR"`
	Amount   string `yaml:"amount" required:"true" pattern:"[0-9]{1,3}(\\.[0-9]{1,6})?" like:"0.0075" doc:"in quotes, as in \"0.0075\""`
}

// Schedule sends a message at each of its runs. Wall times are those of its zone.
type Schedule struct {
	Name          string   `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"weekly-report" doc:"a name that is unique in the group, as in weekly-report"`
	Cron          string   `yaml:"cron" doc:"when it runs: minute hour day month weekday, as in \"0 9 * * MON\""`
	RRule         string   `yaml:"rrule" doc:"or a recurrence rule, counted from start, as in FREQ=MONTHLY;BYDAY=1MO"`
	Start         string   `yaml:"start" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}" like:"2026-01-05T09:00" doc:"from which wall time rrule counts"`
	Zone          string   `yaml:"zone" doc:"whose clocks count: a time zone, group (as if absent) or member for each member's own"`
	Starts        string   `yaml:"starts" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}" like:"2026-01-05T09:00" doc:"no run before this wall time"`
	Ends          string   `yaml:"ends" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}" like:"2026-12-31T00:00" doc:"no run from this wall time on"`
	Except        []string `yaml:"except" max:"400" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}" like:"2026-12-28" doc:"dates without a run"`
	Holidays      []string `yaml:"holidays" max:"400" pattern:"[0-9]{4}-[0-9]{2}-[0-9]{2}" like:"2026-12-25" doc:"dates without a run because nobody works"`
	HolidaysOf    string   `yaml:"holidays_of" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"public-holidays" doc:"a calendar of the group: no run on the dates of its whole days"`
	Late          string   `yaml:"late" enum:"once,skip,ask" doc:"what becomes of a run that could not be done in its time; absent: once"`
	WindowMinutes int      `yaml:"window_minutes" min:"1" max:"10080" doc:"for once: how late a run may be; absent: 720"`
	Send          Send     `yaml:"send" doc:"the message; not with report"`
	Report        string   `yaml:"report" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"harbour-report" doc:"or the name of a series of reports: each run freezes and sends its next edition"`
	Week          Week     `yaml:"week" doc:"or what takes place in the week ahead"`
}

// Week tells what takes place in the week ahead.
type Week struct {
	Topic string `yaml:"topic" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"meetings" doc:"to those who subscribed to this topic, of its events"`
	Empty bool   `yaml:"empty" doc:"also to those in whose week nothing takes place"`
}

// Send is the message of a schedule.
type Send struct {
	Kind      string            `yaml:"kind" required:"true" enum:"report,reminder" doc:"report or reminder"`
	Topic     string            `yaml:"topic" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"reports" doc:"to those who subscribed to this topic"`
	Tags      []string          `yaml:"tags" max:"32" doc:"only those with all of these tags"`
	Locales   []string          `yaml:"locales" max:"100" doc:"only those who read one of these languages"`
	Wording   string            `yaml:"wording" doc:"name of the group's own words, as they stand when it runs"`
	Words     map[string]string `yaml:"words" doc:"or, for each language, Markdown with front matter"`
	Data      map[string]string `yaml:"data" doc:"values of placeholders"`
	Sensitive bool              `yaml:"sensitive" doc:"in full only over channels that are fit for it, over others as a pointer"`
	Fallback  bool              `yaml:"fallback" doc:"keep it although a language of the readers, a placeholder or a plural form is missing"`
}

// Topic is what a member may subscribe to.
type Topic struct {
	Name   string            `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"reports" doc:"the topic's short name, as in reports"`
	Title  string            `yaml:"title" doc:"what members read"`
	Titles map[string]string `yaml:"titles" doc:"for each other language, what those read instead who read a text or a page in it"`
	Leads  []string          `yaml:"leads" pattern:"[0-9]{1,5}[mhdw](@[0-9]{2}:[0-9]{2})?" like:"1d@18:00" doc:"how long before its events members are reminded, as in 1w, 2h, or 1d@18:00 for the day before at 18:00; absent: 1d@18:00 and 2h; an empty list: not at all"`
}

// GroupChannel is a channel that belongs to its group.
type GroupChannel struct {
	Name    string  `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"sms-berlin" doc:"a name that is unique on the instance, as in sms-berlin"`
	Adapter string  `yaml:"adapter" required:"true" doc:"which adapter speaks to the provider, as in sms"`
	Senders int     `yaml:"senders" min:"1" max:"1000" doc:"how many messages it sends at once; absent: the adapter's default"`
	Trip    Trip    `yaml:"trip" doc:"how many refusals for the channel's own sake hold its reports and reminders"`
	Options Section `yaml:"options" doc:"the adapter's own section; secrets by reference, read where apply runs; absent: a channel that exists keeps its own"`

	Unchecked bool `yaml:"unchecked" doc:"keep it, paused until a check passes, although its provider cannot be asked when it is applied"`
}

func (c *GroupChannel) adapted() (string, *Section, bool) { return c.Adapter, &c.Options, true }

// Calendar is one that a group reads.
type Calendar struct {
	Name  string   `yaml:"name" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"meetings" doc:"a name that is unique in the group, as in meetings"`
	Topic string   `yaml:"topic" required:"true" pattern:"[a-z0-9][a-z0-9-]{1,39}" like:"reports" doc:"topic of the group whose subscribers its events are for"`
	URL   Secret   `yaml:"url" doc:"where it is fetched from, by reference, for who knows it reads the calendar; absent: one that exists keeps what it has"`
	Zone  string   `yaml:"zone" doc:"time zone of the place, where times without one are meant, as in Europe/Berlin; absent: the group's"`
	Every Duration `yaml:"every" doc:"how often it is fetched, as in 30m; absent: 1h"`
}

// maxWording bounds one text of a wording folder.
const maxWording = 64 << 10

// LoadCoalition reads a coalition file and the wording folders that it names. lookup and adapters are as for Load.
func LoadCoalition(path string, lookup func(string) (string, bool), adapters map[string]any) (*Coalition, error) {
	r := coalitionReader(path, lookup, adapters)
	src, ok := r.read(path)
	if !ok {
		return nil, r.err()
	}
	return r.coalition(src)
}

// ParseCoalition reads a coalition file from memory; file is its name in faults, and relative paths start at its folder.
func ParseCoalition(file string, src []byte, lookup func(string) (string, bool), adapters map[string]any) (*Coalition, error) {
	return coalitionReader(file, lookup, adapters).coalition(src)
}

// here is where files are read that go to the gateway with their secrets filled in.
const here = "in this terminal, as with export"

func coalitionReader(file string, lookup func(string) (string, bool), adapters map[string]any) *reader {
	r := newReader(file, lookup, adapters)
	r.make, r.example = "name another with -f, or write one as docs/sample/coalition.yaml shows", "docs/sample/coalition.yaml"
	r.set = here
	return r
}

func (r *reader) coalition(src []byte) (*Coalition, error) {
	c := &Coalition{}
	r.document(src, c)
	r.groups(c.Groups)
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func (r *reader) groups(groups []Group) {
	slugs, channels := map[string]string{}, map[string]string{}
	for i := range groups {
		g, path := &groups[i], fmt.Sprintf("groups[%d]", i)
		r.unique(slugs, g.Slug, path+".slug", "this slug too", "give every group a slug of its own")
		r.locale(path+".locale", g.Locale)
		for j, l := range g.Fallback {
			r.locale(fmt.Sprintf("%s.fallback[%d]", path, j), l)
		}
		if _, err := time.LoadLocation(g.Zone); r.given(path+".zone") && (err != nil || g.Zone == "" || g.Zone == "Local") {
			r.faultAt(path+".zone", "this time zone does not exist", "write its IANA name, as in Europe/Berlin")
		}
		if region, err := language.ParseRegion(g.Region); g.Region != "" && r.given(path+".region") && (err != nil || !region.IsCountry()) {
			r.faultAt(path+".region", "this country does not exist", "write its two letters, as in DE")
		}
		topics := map[string]string{}
		for j, t := range g.Topics {
			r.unique(topics, t.Name, fmt.Sprintf("%s.topics[%d].name", path, j), "this name too", "name every topic once")
			for _, locale := range slices.Sorted(maps.Keys(t.Titles)) {
				if _, err := language.Parse(locale); err != nil || strings.Contains(locale, "_") {
					r.faultAt(fmt.Sprintf("%s.topics[%d].titles", path, j), fmt.Sprintf("%.40q is no language", locale), "write its BCP 47 tag, as in en, pt-BR or zh-Hans")
				}
			}
		}
		for j, ch := range g.Channels {
			r.unique(channels, ch.Name, fmt.Sprintf("%s.channels[%d].name", path, j), "this name too", "give every channel a name of its own")
		}
		calendars := map[string]string{}
		for j, c := range g.Calendars {
			r.unique(calendars, c.Name, fmt.Sprintf("%s.calendars[%d].name", path, j), "this name too", "name every calendar once")
		}
		rotas := map[string]string{}
		for j, one := range g.Rotas {
			r.unique(rotas, one.Name, fmt.Sprintf("%s.rotas[%d].name", path, j), "this name too", "name every rota once")
		}
		series := map[string]string{}
		for j, one := range g.Series {
			here := fmt.Sprintf("%s.series[%d]", path, j)
			r.unique(series, one.Name, here+".name", "this name too", "name every series once")
			indicators := map[string]string{}
			for k, i := range one.Indicators {
				r.unique(indicators, i.Name, fmt.Sprintf("%s.indicators[%d].name", here, k), "this name too", "name every indicator once")
			}
		}
		policies := map[string]string{}
		for j, p := range g.Policies {
			r.unique(policies, p.Name, fmt.Sprintf("%s.policies[%d].name", path, j), "this name too", "name every policy once")
		}
		names := map[string]string{}
		for j, s := range g.Schedules {
			r.unique(names, s.Name, fmt.Sprintf("%s.schedules[%d].name", path, j), "this name too", "name every schedule once")
		}
		if g.Wording != "" {
			g.Words = r.wording(path+".wording", r.beside(g.Wording))
		}
	}
}

func (r *reader) unique(seen map[string]string, name, path, has, repair string) {
	if !r.given(path) {
		return
	}
	if first, twice := seen[name]; twice {
		r.faultAt(path, first+" has "+has, repair)
		return
	}
	seen[name] = strings.TrimSuffix(strings.TrimSuffix(path, ".name"), ".slug")
}

func (r *reader) locale(path, tag string) {
	if _, err := language.Parse(tag); r.given(path) && (err != nil || tag == "" || strings.Contains(tag, "_")) {
		r.faultAt(path, "this is no language", "write its BCP 47 tag, as in en, pt-BR or zh-Hans")
	}
}

// wording reads a folder of words: NAME/LOCALE.md. Whether the words themselves are right is not decided here.
func (r *reader) wording(path, folder string) map[string]map[string]string {
	words := map[string]map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, file, ok := strings.Cut(name, "/")
		locale, isMD := strings.CutSuffix(file, ".md")
		if !ok || !isMD || strings.Contains(file, "/") {
			r.add(r.places[path], path, name+" is in the wrong place", "keep only NAME/LOCALE.md in it, as in pointer/en.md")
			return nil
		}
		if _, err := language.Parse(locale); err != nil {
			r.add(r.places[path], path, name+" is not named after a language", "name it after a BCP 47 tag, as in pt-BR.md")
			return nil
		}
		src, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if len(src) > maxWording || !utf8.Valid(src) {
			r.add(r.places[path], path, name+" is too long or no UTF-8 text", fmt.Sprintf("keep it under %d KiB of UTF-8", maxWording>>10))
			return nil
		}
		if words[text] == nil {
			words[text] = map[string]string{}
		}
		words[text][locale] = string(src)
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.faultAt(path, "the folder does not exist", "make it, or delete the line; a relative path starts at this file's folder")
	case err != nil:
		r.faultAt(path, "the folder cannot be read", "let whoever runs apply read it and its files")
	}
	return words
}
