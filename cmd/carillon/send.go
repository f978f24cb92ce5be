package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/templates"
)

// many is the number of people from which send asks before it sends.
const many = 20

// message is what the flags of send say.
type message struct {
	group, kind, topic, words, text, locale, at, key string
	glass, replace                                   string
	danger, sensitive, dryRun, yes, wait             bool
	fallback, noFallback                             bool
	tags, languages, data                            []string
}

func (sh *shell) send() *cobra.Command {
	var m message
	c := &cobra.Command{
		Use:   "send",
		Short: "send a report, a reminder or an alert to members of a group",
		Long: "Send one message to the members of a group who subscribed to a topic. --dry-run first: it shows who gets what in which\n" +
			"language, over which channel, in how many segments, and who is left out and why.\n\n" +
			"A report or reminder is refused if members miss their language in it, or it lacks a placeholder or plural form in one of\n" +
			"its languages; --fallback sends it all the same. An alert is sent so unless --no-fallback is given.",
		Example: "  carillon send --group rivers --kind report --topic reports --words words/weekly --data count=120 --dry-run\n" +
			"  carillon send --group rivers --kind alert --topic alerts --locale en --text 'The bridge is closed. Use the ford.'",
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&m.group, "group", "", "the group's short name; not needed where there is only one")
	f.StringVar(&m.kind, "kind", "", "report, reminder or alert")
	f.BoolVar(&m.danger, "danger-to-life", false, "the alert is about danger to life")
	f.StringVar(&m.topic, "topic", "", "to those who subscribed to this topic")
	f.StringArrayVar(&m.tags, "tag", nil, "only those with this tag (again: with all of them)")
	f.StringArrayVar(&m.languages, "language", nil, "only those who read this language (again: one of them)")
	f.StringVar(&m.words, "words", "", "folder with the text: one LOCALE.md a language")
	f.StringVar(&m.text, "text", "", "the text itself, in the one language of --locale; - reads standard input")
	f.StringVar(&m.locale, "locale", "", "language of --text, as in en or pt-BR")
	f.StringArrayVar(&m.data, "data", nil, "value of a placeholder, as in count=120 (again for others)")
	f.BoolVar(&m.sensitive, "sensitive", false, "in full only over channels that are fit for it (see channel list), over others as a pointer: \"You have a message\"")
	f.BoolVar(&m.fallback, "fallback", false, "send it although a language, placeholder or plural form is missing")
	f.BoolVar(&m.noFallback, "no-fallback", false, "refuse an alert too if something is missing")
	f.StringVar(&m.at, "at", "", "send later, at an instant to come, as in 2026-11-24T09:00:00+01:00")
	f.StringVar(&m.key, "key", "", "name of the message; one that was sent already is not sent again")
	f.BoolVar(&m.dryRun, "dry-run", false, "show what would happen, and send nothing")
	f.StringVar(&m.glass, "break-glass", "", "with --danger-to-life: why no second person can be waited for, where one is needed; all who may approve are told")
	f.StringVar(&m.replace, "replace", "", "put it in the place of the one with this id, which waits for a second person")
	f.BoolVarP(&m.yes, "yes", "y", false, "do not ask before sending to many, or braces in --text as they stand")
	f.BoolVar(&m.wait, "wait", false, "wait until nothing is left to send, and show what became of it")
	c.RunE = func(c *cobra.Command, _ []string) error { return sh.runSend(c.Context(), m) }
	return c
}

func (sh *shell) runSend(ctx context.Context, m message) error {
	if m.fallback && m.noFallback {
		return wrong("--fallback sends in spite of what is missing and --no-fallback refuses it; give one of them")
	}
	draft, err := sh.draft(m)
	if err != nil {
		return err
	}
	braces := m.words == "" && looksFilled.MatchString(draft.Words.Data["text"])
	if braces {
		fmt.Fprintln(sh.err, "note: --text is sent as it stands, with its braces; a text with placeholders is written into a file and sent with --words")
	}
	c, err := sh.connect()
	if err != nil {
		return err
	}
	if m.group, err = group(ctx, c, m.group); err != nil {
		return err
	}
	return known(ctx, c, m.group, sh.handIn(ctx, c, m, draft, braces))
}

// handIn shows what would happen, asks, and submits. Braces says that the text has what reads like a placeholder.
func (sh *shell) handIn(ctx context.Context, c *client.Client, m message, draft gateway.Draft, braces bool) error {
	told := false // what is missing
	if m.dryRun || !m.yes {
		preview, err := c.Preview(ctx, m.group, draft)
		if err != nil {
			return err
		}
		if m.dryRun && sh.json() {
			return sh.print(preview, "")
		}
		if !sh.json() {
			if err := sh.showPreview(preview); err != nil {
				return err
			}
			told = true
		}
		if m.dryRun {
			return nil
		}
		if ask := m.question(preview.Reached, braces, sh.attended()); ask != "" {
			if err := sh.confirm(ask, m.yes); err != nil {
				return err
			}
		}
	}
	submission, err := sh.submit(ctx, c, m, draft)
	if err != nil {
		return sh.incomplete(err, told)
	}
	if submission.Release != nil {
		return sh.print(submission, needs(submission.Release, submission.ID, m.group, m.danger))
	}
	if m.yes && !sh.json() { // otherwise the preview has said so
		if err := sh.pointers(submission.Pointers); err != nil {
			return err
		}
	}
	text := "Handed in as " + submission.ID.String() + ". Follow it with: carillon broadcast show " + submission.ID.String() + " --group " + m.group
	if !submission.Created {
		text = "This key was sent before, as " + submission.ID.String() + "; nothing was sent again."
	}
	if m.yes && submission.Created { // else the preview has said so
		text += draftsNote(submission.Drafts)
	}
	if err := sh.print(submission, text); err != nil || !m.wait {
		return err
	}
	return sh.follow(ctx, c, m.group, submission.ID)
}

// submit hands a message in, or puts it in the place of one that waits for a second person.
func (sh *shell) submit(ctx context.Context, c *client.Client, m message, draft gateway.Draft) (gateway.HandedIn, error) {
	if m.replace == "" {
		return c.Submit(ctx, m.group, draft)
	}
	r, err := findRelease(ctx, c, m.group, m.replace)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	return c.ReplaceRelease(ctx, m.group, r.ID, draft)
}

// draft turns flags into a draft and checks its words, so that every fault of a text is named with its line.
func (sh *shell) draft(m message) (gateway.Draft, error) {
	kind := gateway.Kind(m.kind)
	if _, err := gateway.ClassOf(kind, m.danger); err != nil {
		return gateway.Draft{}, wrong("--kind: %w", err)
	}
	if m.glass != "" && !m.danger {
		return gateway.Draft{}, wrong("--break-glass is for danger to life; add --danger-to-life if it is")
	}
	if m.topic == "" {
		return gateway.Draft{}, wrong("--topic is missing; it says to whom: those who subscribed to it")
	}
	words, err := sh.wordsOf(m)
	if err != nil {
		return gateway.Draft{}, err
	}
	d := gateway.Draft{Key: m.key, Kind: kind, DangerToLife: m.danger, Sensitive: m.sensitive, Glass: m.glass, Words: words,
		Audience: gateway.Audience{Topic: m.topic, Tags: m.tags, Locales: m.languages}}
	if m.fallback || m.noFallback {
		d.Fallback = &m.fallback
	}
	if m.at != "" {
		if d.StartAt, err = time.Parse(time.RFC3339, m.at); err != nil {
			return gateway.Draft{}, wrong("--at is no instant; write date, time and offset, as in 2026-11-24T09:00:00+01:00")
		}
	}
	return d, nil
}

func (sh *shell) wordsOf(m message) (gateway.Words, error) {
	data, err := dataOf(m)
	words := gateway.Words{Data: data}
	if err != nil {
		return words, err
	}
	switch {
	case (m.words == "") == (m.text == ""):
		return words, wrong("give the text with --words FOLDER or with --text, one of the two")
	case m.words != "" && m.locale != "":
		return words, wrong("--locale belongs to --text; with --words the files are named after their languages")
	case m.words != "":
		sources, err := readWords(m.words)
		if err != nil {
			return words, wrong("--words %w", err)
		}
		words.Sources = sources
	default:
		return sh.plainWords(m, words)
	}
	set, err := templates.NewLooseSet(words.Sources) // what is missing in a language is counted and refused by the gateway
	var faults templates.Faults
	if errors.As(err, &faults) {
		return words, text{folder: m.words, sources: words.Sources}.place(faults)
	}
	values := templates.Text(words.Data)
	if _, own := values["group"]; !own {
		values["group"] = m.group // the gateway fills in the group's name
	}
	if _, own := values["reference"]; !own {
		values["reference"] = gateway.Reference(gateway.ID{}) // and the message's reference
	}
	if _, own := values[templates.Name]; !own && set.CallsByName() {
		if faults := set.NameFaults(); len(faults) > 0 {
			return words, text{folder: m.words, sources: words.Sources}.place(faults)
		}
		values[templates.Name] = templates.Nameless // the gateway fills in the names
	}
	if err := set.CheckData(values); err != nil {
		return words, wrong("%w (give values with --data name=value%s)", err, unused(words.Data, set))
	}
	return words, nil
}

// unused names the values that no text holds, for they are likely those that are missing, misspelt.
func unused(data map[string]string, set *templates.Set) string {
	var names []string
	for name := range data {
		if !slices.Contains(set.Names(), name) {
			names = append(names, "{"+name+"}")
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	return "; no text holds " + strings.Join(names, ", ")
}

// looksFilled finds what reads like a placeholder where none is filled in.
var looksFilled = regexp.MustCompile(`\{[a-z][a-z0-9_]*[,}]`)

// question is what send asks before it hands in, or empty: it asks before many, and a person who is there before braces go to
// a few as well. An alert to a few does not wait for the answer, and no script is asked that has never been.
func (m message) question(reached int, braces, attended bool) string {
	if reached < many && (!braces || !attended || gateway.Kind(m.kind) == gateway.KindAlert) {
		return ""
	}
	who, with := fmt.Sprintf("%d people", reached), ""
	if reached == 1 {
		who = "1 person"
	}
	if braces {
		with = ", with the braces as they stand"
	}
	return fmt.Sprintf("Send to %s of %s%s?", who, m.group, with)
}

// dataOf reads the values of placeholders.
func dataOf(m message) (map[string]string, error) {
	data := map[string]string{}
	for _, pair := range m.data {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, wrong("--data needs a name and a value, as in count=120")
		}
		data[name] = value
	}
	return data, nil
}

// plainWords makes words of --text: it is data of a template that holds nothing else, so that nothing in it is markup.
func (sh *shell) plainWords(m message, words gateway.Words) (gateway.Words, error) {
	if m.locale == "" {
		return words, wrong("--locale is missing: in which language is the text? (as in en or pt-BR)")
	}
	if len(words.Data) > 0 {
		return words, wrong("--data belongs to --words; write the values into --text")
	}
	text, err := sh.textOf(m.text)
	if err != nil {
		return words, err
	}
	words.Sources = map[string]string{m.locale: "---\nsms: \"{text}\"\n---\n\n{text}\n"}
	words.Data["text"] = text
	set, err := templates.NewSet(words.Sources)
	if err != nil { // nothing but the name of the language is the person's
		return words, wrong("--locale: %q is no language; write its BCP 47 tag, as in en, pt-BR or zh-Hans", m.locale)
	}
	if err := set.CheckData(templates.Text(words.Data)); err != nil {
		return words, wrong("--text: %w", err)
	}
	return words, nil
}

// textOf gives the text of --text, or standard input for "-".
func (sh *shell) textOf(text string) (string, error) {
	if text == "-" {
		const most = 64 << 10
		b, err := io.ReadAll(io.LimitReader(sh.in, most+1))
		if err != nil {
			return "", fmt.Errorf("reading the text: %w", err)
		}
		if len(b) > most {
			return "", wrong("--text: standard input holds more than %d bytes, which is too long for a message", most)
		}
		text = string(b)
	}
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if text == "" {
		return "", wrong("the text is empty")
	}
	return text, nil
}
