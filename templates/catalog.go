package templates

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

//go:embed catalog
var catalog embed.FS

// The names of the shipped texts. Those of notices to owners stand in package gateway.
const (
	Pointer    = "pointer"     // neutral mode: that there is a message, and nothing else
	Stopped    = "stopped"     // after STOP: how to return
	InboxReply = "inbox-reply" // what a person of the group answers: {text}

	StoppedAll       = "stopped-all"       // after STOP ALL
	StoppedElsewhere = "stopped-elsewhere" // to another address of hers: that STOP came from one, and how to undo it
	StopAsked        = "stop-asked"        // what is routine is held back: did she mean STOP?
	Started          = "started"           // after START: how to end it
	Paused           = "paused"            // until when
	LanguageSet      = "language-set"      // in the new language
	LanguageUnknown  = "language-unknown"  // after one that we do not have: which {codes} there are
	LanguageWhich    = "language-which"    // after LANG alone: the same, as {languages} too, and how one writes it
	Help             = "help"              // who writes, and the group's contact
	Genuine          = "genuine"           // that a message with {reference} was sent to her
	HowToJoin        = "how-to-join"       // to whoever opens a chat with a bot, member or not
	PageChanged      = "page-changed"      // to her other addresses: something was changed on her page
	NotGenuine       = "not-genuine"       // that none was
	HelpHere         = "help-here"         // the same where a person reads the answers
	EnrolAsk         = "enrol-ask"         // asks whether she wants {topics} of {group}
	StillYours       = "still-yours"       // is this number still hers? It says nothing of who asks
	EnrolAlready     = "enrol-already"     // after the code of an invitation: she is a member
	EnrolLink        = "enrol-link"        // asks by mail whether she wants {topics}, with a {link} to the page where she says yes
	Welcome          = "welcome"           // after her yes: that she gets {topics}, and how to stop
	LinkCode         = "link-code"         // the {code} that links another address of hers, and for how many {minutes}
	LinkAsk          = "link-ask"          // the code came from {address}: is it hers?
	Linked           = "linked"            // to both: {address} is hers now
	Unlinked         = "unlinked"          // {address} is hers no more

	AckRequest    = "ack-request"    // beneath an alert: can you take charge? {way} says how one answers where it is read, {cost} what a reply costs
	AckNobody     = "ack-nobody"     // before it, to the last resort: nobody has taken charge
	AckThanks     = "ack-thanks"     // she is in charge of alert {code}
	AckTaken      = "ack-taken"      // {name}, or by {role} and {short} id somebody, is in charge of alert {code}
	AckAgain      = "ack-again"      // she is already
	AckCounted    = "ack-counted"    // so many more people it needs: {count}
	AckOver       = "ack-over"       // it has ended
	AckExpired    = "ack-expired"    // its time is up, and nobody has said how it ended
	AckUnknown    = "ack-unknown"    // there is no such alert, or it did not ask her
	AckUnverified = "ack-unverified" // the code is missing or wrong
	AckHow        = "ack-how"        // what she wrote does not take charge of alert {code}, and what does
	AckWhich      = "ack-which"      // which of these {codes}?
	AskSafe       = "roll-call"      // beneath an alert: are you safe? as ack-request
	SafeNoted     = "safe-noted"     // that she is safe
	HelpNoted     = "help-noted"     // that she needs help
	HelpHeard     = "help-heard"     // to those on duty: that somebody, by {role} and {short} id, needs help
	HelpCall      = "help-call"      // of the alert that somebody raises, by {role} and {short} id: its subject says what, its text message what to do, its body where

	EventNeutral    = "event-neutral"    // in a calendar: that there is an event, and nothing else
	CalendarNeutral = "calendar-neutral" // the name of such a calendar
)

// Neutral ends the name of a text's form for members in neutral mode, as in enrol-ask-neutral: it does not name the group.
const Neutral = "-neutral"

// IsNeutral reports whether a text is for members in neutral mode, and so must not tell which group writes.
func IsNeutral(name string) bool { return name == Pointer || strings.HasSuffix(name, Neutral) }

// Shipped gives the texts that come with Carillon: name → locale → source. The caller may change what it gets. Who wants
// one text asks ShippedText, for these are hundreds of files.
func Shipped() map[string]map[string]string { return embedded(catalog, "catalog") }

// ShippedText gives one text that comes with Carillon: locale → source; nil if there is none of this name. The caller may
// change what it gets.
func ShippedText(name string) map[string]string { return languages(catalog, "catalog/"+name) }

// Version names the words that a text has now: name, and a digest of its sources by locale, a group's own among them.
func Version(name string, sources map[string]string) string {
	h := sha256.New()
	for _, locale := range slices.Sorted(maps.Keys(sources)) {
		_, _ = fmt.Fprintf(h, "%s\n%s\n", locale, sources[locale])
	}
	return name + "-" + hex.EncodeToString(h.Sum(nil)[:4])
}

// Wording gives a shipped text with a group's own languages laid over it: own is locale → source, and may be nil.
func Wording(name string, own map[string]string) (*Set, error) {
	sources := ShippedText(name)
	if sources == nil {
		sources = map[string]string{}
	}
	given := maps.Clone(sources)
	maps.Copy(sources, own)
	set, err := NewSet(sources)
	switch {
	case len(given) == 0:
	case err != nil:
		if faults := strangers(given, own); faults != nil {
			return nil, faults
		}
	case set.CallsByName() && (IsNeutral(name) || pieces[name]):
		return nil, Faults{{File: name, What: "{" + Name + "} gets no value in this text", Repair: "leave it out: this text is for members in neutral mode, or a part of others"}}
	default:
		if faults := set.NameFaults(); len(faults) > 0 {
			return nil, faults
		}
	}
	return set, err
}

// pieces are the shipped texts that stand in others, and so are the same for everybody.
var pieces = map[string]bool{"report-section": true, "report-entry": true, "report-silent": true, "report-figure": true, "report-alerts": true, "week-event": true, "own-time": true, "place-later": true,
	"exercise-prefix": true, "exercise-suffix": true, AckRequest: true, AskSafe: true, HelpCall: true}

// strangers finds what is wrong in a group's own words by themselves: what cannot be read, and placeholders that the
// shipped text does not have, for which there never is a value.
func strangers(shipped, own map[string]string) Faults {
	known, err := NewSet(shipped)
	if err != nil {
		return nil
	}
	var all Faults
	for _, locale := range slices.Sorted(maps.Keys(own)) {
		file := locale + ".md"
		t, err := Parse(file, locale, []byte(own[locale]))
		var faults Faults
		if errors.As(err, &faults) {
			all = append(all, faults...)
			continue
		}
		for _, p := range t.needs {
			if slices.Contains(known.Names(), p.name) {
				continue
			}
			f := Fault{File: file, What: "{" + p.name + "} gets no value in this text", Repair: "write words without placeholders"}
			if names := known.Names(); len(names) > 0 {
				f.Repair = "use what there is: {" + strings.Join(names, "}, {") + "}"
			}
			if at := regexp.MustCompile(`\{\s*` + p.name + `\b`).FindStringIndex(own[locale]); at != nil {
				before := own[locale][:at[0]]
				f.Line, f.Column = 1+strings.Count(before, "\n"), 1+utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
			}
			all = append(all, f)
		}
	}
	return all
}

// Licences gives the notices that go with what is not ours in this package: the tables of languages' customs.
func Licences() string { return cldr.Licence }

// embedded reads ROOT/NAME/LOCALE.md: name → locale → text.
func embedded(files embed.FS, root string) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, d := range entries(files, root) {
		out[d.Name()] = languages(files, root+"/"+d.Name())
	}
	return out
}

// languages reads FOLDER/LOCALE.md: locale → text; nil if there is no such folder.
func languages(files embed.FS, folder string) map[string]string {
	var out map[string]string
	for _, d := range entries(files, folder) {
		src, err := files.ReadFile(folder + "/" + d.Name())
		if err != nil {
			panic("templates: the embedded texts cannot be read: " + err.Error()) // the binary is broken
		}
		if out == nil {
			out = map[string]string{}
		}
		out[strings.TrimSuffix(d.Name(), ".md")] = string(src)
	}
	return out
}

func entries(files embed.FS, folder string) []fs.DirEntry {
	found, err := files.ReadDir(folder)
	if err != nil { // embedded files fail for no other reason than that they are not there
		return nil
	}
	return found
}
