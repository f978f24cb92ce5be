package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/templates"
)

// remark is a line of `template check`: a fault keeps a text from being sent, an advice does not.
type remark struct {
	File     string `json:"file"`
	Line     int    `json:"line"` // zero: the file or folder as a whole
	Column   int    `json:"column"`
	Severity string `json:"severity"` // fault or advice
	What     string `json:"what"`
	Repair   string `json:"repair"`

	folder, about, locale string // people get one line for each advice on a folder, with all its languages
}

const (
	isFault  = "fault"
	isAdvice = "advice"
)

// checking says what texts are held against.
type checking struct {
	languages []string       // that each is wanted in
	data      templates.Data // to measure with; nil: made up
	wording   bool           // a group's own, laid over the shipped text of its name
}

func (sh *shell) templateCheck() *cobra.Command {
	var o checking
	var file string
	c := &cobra.Command{
		Use:   "check DIR",
		Short: "find everything that is wrong with texts, before anybody sends them",
		Long: "DIR is the folder of one text, with a LOCALE.md a language, or a folder of such folders. Faults keep a text from being sent;\n" +
			"advice does not: what is missing in some languages, drafts, and text messages that take more than one segment or leave GSM-7.\n" +
			"It ends with 0 if there is no fault, and with 2 if there is one.",
		Example: "  carillon template check words\n  carillon template check words/weekly --languages en,fa,sw",
		Args:    cobra.ExactArgs(1),
	}
	c.Flags().StringSliceVar(&o.languages, "languages", nil, "the languages that each text should be in, as in en,fa,sw; absent: those of the shipped texts")
	c.Flags().StringVar(&file, "data", "", "JSON file with values to measure text messages with; absent: typical ones")
	c.Flags().BoolVar(&o.wording, "wording", false, "as a group's own wording: laid over the shipped text of the folder's name, as import does it")
	c.RunE = func(_ *cobra.Command, args []string) error {
		texts, err := readTexts(args[0])
		if err != nil {
			return err
		}
		for _, locale := range o.languages {
			if _, err := language.Parse(locale); err != nil {
				return wrong("--languages: %q is no tag of a language; write as in en, pt-BR or zh-Hans", locale)
			}
		}
		if file != "" {
			if o.data, err = readData(file); err != nil {
				return err
			}
		}
		return sh.showFindings(texts, o.all(texts))
	}
	return c
}

// all checks every text.
func (o checking) all(texts []text) []remark {
	var all []remark
	for _, t := range texts {
		all = append(all, o.text(t)...)
	}
	return all
}

// text finds everything that is wrong with one text; advice comes behind its faults.
func (o checking) text(t text) []remark {
	var set *templates.Set
	var err error
	if o.wording {
		set, err = templates.Wording(t.name, t.sources)
	} else {
		set, err = templates.NewSet(t.sources)
	}
	var all []remark
	var faults templates.Faults
	errors.As(err, &faults)
	for _, gap := range t.gaps(set) {
		if o.wording && set == nil && gap.Placeholder != "" { // a group's own languages are held against the shipped ones, not each other
			continue
		}
		if !slices.Contains(faults, gap.Fault) {
			faults = append(faults, gap.Fault)
		}
	}
	if _, own := o.data[templates.Name]; set != nil && !own {
		faults = append(faults, set.NameFaults()...)
	}
	for _, f := range t.place(faults) {
		all = append(all, remark{File: f.File, Line: f.Line, Column: f.Column, Severity: isFault, What: f.What, Repair: f.Repair})
	}
	if o.wording && templates.ShippedText(t.name) == nil {
		all = append(all, t.advise(t.folder, "", "nothing that Carillon writes is called "+t.name, "name the folder after a shipped text; carillon template review lists them"))
	}
	return append(all, o.advice(t, set)...)
}

// gaps lists what is missing in the languages of a text, also where other faults, or faults of other languages, leave no set.
func (t text) gaps(set *templates.Set) []templates.Gap {
	if set == nil {
		readable := map[string]string{}
		for locale, source := range t.sources {
			if _, err := templates.Parse(locale+".md", locale, []byte(source)); err == nil {
				readable[locale] = source
			}
		}
		var err error
		if set, err = templates.NewLooseSet(readable); err != nil { // its faults are listed already
			return nil
		}
	}
	return set.Gaps()
}

func (t text) advise(file, locale, what, repair string) remark {
	return remark{File: file, Severity: isAdvice, What: what, Repair: repair, folder: t.folder, about: what, locale: locale}
}

// advice says what is not wrong and yet worth a thought. A set of nil has faults, so that nothing can be rendered.
func (o checking) advice(t text, set *templates.Set) []remark {
	var all []remark
	for _, locale := range o.missing(t, set) {
		all = append(all, t.advise(t.folder, locale, "it is not in "+locale, "write "+locale+".md, or let those who read it fall back"))
		all[len(all)-1].about = "missing"
	}
	if set == nil {
		return all
	}
	has := map[string][]string{} // field → languages
	for _, locale := range t.locales() {
		for _, field := range fieldsIn(set, locale) {
			has[field] = append(has[field], locale)
		}
	}
	for _, field := range []string{"subject", "sms", "body"} {
		for _, locale := range t.locales() {
			if in := has[field]; len(in) > 0 && !slices.Contains(in, locale) {
				all = append(all, t.advise(t.file(locale), locale, fmt.Sprintf("no %s, which %s has", field, strings.Join(in, ", ")), "write it, or let readers get it from another language or from the body"))
			}
		}
	}
	for _, locale := range set.Drafts(nil) {
		if slices.ContainsFunc(t.locales(), func(l string) bool { return set.Digest(l) == set.Digest(locale) }) {
			all = append(all, t.advise(t.file(locale), locale, "a draft until a named person has reviewed it", "let somebody who speaks the language read it, and record it with carillon template review"))
		}
	}
	for _, locale := range t.locales() {
		all = append(all, o.measure(t, set, locale)...)
	}
	return all
}

// missing lists the languages that a text is wanted in and that its files do not serve.
func (o checking) missing(t text, set *templates.Set) []string {
	wanted := o.languages
	if len(wanted) == 0 {
		wanted = shippedLocales()
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(locale string) bool {
		if set == nil {
			return slices.Contains(t.locales(), locale)
		}
		_, err := set.Choose(templates.Reader{Chain: []string{locale}})
		return err == nil
	})
}

// fieldsIn lists what a text has of its own in one of its languages.
func fieldsIn(set *templates.Set, locale string) []string {
	r, err := set.Choose(templates.Reader{Chain: []string{locale}})
	if err != nil {
		return nil
	}
	var fields []string
	for _, f := range []struct{ name, from string }{{"subject", r.Subject}, {"sms", r.Short}, {"body", r.Body}} {
		if f.from != "" && set.Digest(f.from) == set.Digest(locale) {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// measure says if a text message is dear: in more than one segment, or in UCS-2 where the language's letters need not be.
func (o checking) measure(t text, set *templates.Set, locale string) []remark {
	data := o.data
	if data == nil {
		data = set.Trial(locale)
	}
	doc, _, err := set.Render(templates.Reader{Chain: []string{locale}, Now: time.Now()}, data)
	if err != nil {
		return []remark{t.advise(t.file(locale), locale, "it could not be measured: "+err.Error(), "give values that fit with --data")}
	}
	encoding, units, segments, offending := compose.Count(compose.TextMessage(doc))
	var all []remark
	if segments > 1 {
		f := t.advise(t.file(locale), fmt.Sprintf("%s (%d)", locale, segments), fmt.Sprintf("%s as a text message, %d units of %s", plural(segments, "segment"), units, encoding), "shorten sms, or write one; what a reader misses must stand in it all the same")
		f.about = "more than one segment as a text message"
		all = append(all, f)
	}
	if encoding == compose.UCS2 && doc.Short != "" && gsmLanguage(locale) { // without sms it is a body, which has all its letters elsewhere
		letters := strings.Join(offending, " ")
		f := t.advise(t.file(locale), locale+" ("+letters+")", "UCS-2 as a text message, because of "+letters, "take an honest word without it where there is one, and never leave out an accent")
		f.about = "UCS-2 as a text message"
		all = append(all, f)
	}
	return all
}

// gsmLanguage reports whether whole sentences of a language can mostly be written in the alphabet of GSM 03.38.
func gsmLanguage(locale string) bool {
	base, _, _ := strings.Cut(locale, "-")
	return slices.Contains([]string{"da", "de", "en", "es", "fi", "fr", "id", "it", "ms", "nb", "nl", "nn", "no", "pt", "rw", "so", "sv", "sw"}, base)
}

// showFindings prints faults a line each, and for people one line for each advice on a folder.
func (sh *shell) showFindings(texts []text, all []remark) error {
	faults, hints := 0, 0
	languages := map[[2]string][]string{}
	for _, f := range all {
		languages[[2]string{f.folder, f.about}] = append(languages[[2]string{f.folder, f.about}], f.locale)
	}
	for _, f := range all {
		var err error
		key := [2]string{f.folder, f.about}
		switch {
		case sh.json():
			err = sh.print(f, "")
		case f.Severity == isFault:
			err = sh.say("%s", templates.Fault{File: f.File, Line: f.Line, Column: f.Column, What: f.What, Repair: f.Repair}.Error())
		case languages[key] != nil:
			hints++
			err = sh.say("%s", strings.TrimSuffix(f.folder+": "+f.about+": "+strings.Join(languages[key], ", "), ": "))
			delete(languages, key)
		}
		if err != nil {
			return err
		}
		if f.Severity == isFault {
			faults++
		}
	}
	if !sh.json() {
		files := 0
		for _, t := range texts {
			files += len(t.sources)
		}
		if err := sh.say("%s in %s: %s, %s.", plural(len(texts), "text"), plural(files, "file"), plural(faults, "fault"), plural(hints, "hint")); err != nil {
			return err
		}
	}
	if faults > 0 {
		return &toldError{exitWrong}
	}
	return nil
}
