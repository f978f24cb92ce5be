package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/templates"
)

// text is one text in its languages, as a folder holds it.
type text struct {
	name    string            // of its folder, or of a shipped text
	folder  string            // where it was read; empty: it ships with Carillon
	sources map[string]string // locale → template
}

// file is where one of its languages stands, for messages.
func (t text) file(locale string) string {
	for own := range t.sources {
		if t.folder != "" && strings.EqualFold(own, locale) { // faults may name a language by its canonical tag
			return filepath.Join(t.folder, own+".md")
		}
	}
	if t.folder != "" && templates.ShippedText(t.name)[locale] == "" {
		return filepath.Join(t.folder, locale+".md")
	}
	return filepath.Join("shipped", t.name, locale+".md")
}

// place names the files in which faults of the text stand.
func (t text) place(faults templates.Faults) templates.Faults {
	for i := range faults {
		faults[i].File = t.file(strings.TrimSuffix(faults[i].File, ".md"))
	}
	return faults
}

// locales are the names of its files.
func (t text) locales() []string { return slices.Sorted(maps.Keys(t.sources)) }

// longestWords bounds one file of a text, in bytes.
const longestWords = 1 << 20

// mostLanguages bounds one text, as the gateway does.
const mostLanguages = 200

// readWords reads a folder with one LOCALE.md a language.
func readWords(folder string) (map[string]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, wrong("%s: the folder cannot be read; name one that holds a LOCALE.md for each language", folder)
	}
	sources := map[string]string{}
	for _, e := range entries {
		locale, ok := strings.CutSuffix(e.Name(), ".md")
		if !ok || e.IsDir() {
			continue
		}
		info, err := e.Info()
		switch {
		case err != nil || info.Size() > longestWords:
			return nil, wrong("%s cannot be read or is too long for a message", filepath.Join(folder, e.Name()))
		case !info.Mode().IsRegular(): // a folder that came by mail must not lead to a file of whoever takes it in
			return nil, wrong("%s is no plain file; put the text itself in its place", filepath.Join(folder, e.Name()))
		case len(sources) == mostLanguages:
			return nil, wrong("%s holds more than %d languages; leave some out", folder, mostLanguages)
		}
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, wrong("%s cannot be read", filepath.Join(folder, e.Name()))
		}
		sources[locale] = string(b)
	}
	if len(sources) == 0 {
		return nil, wrong("%s holds no LOCALE.md; write at least one, as in en.md", folder)
	}
	return sources, nil
}

// readTexts reads the folder of one text, or a folder of such folders. Files beside such folders are nobody's texts.
func readTexts(folder string) ([]text, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, wrong("%s: the folder cannot be read; name one that holds a LOCALE.md for each language, or folders that do", folder)
	}
	var texts []text
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if !e.IsDir() || !holdsWords(path) {
			continue
		}
		sources, err := readWords(path)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text{e.Name(), path, sources})
	}
	if texts != nil {
		return texts, nil
	}
	sources, err := readWords(folder)
	if err != nil {
		return nil, err
	}
	name := filepath.Base(folder)
	if whole, err := filepath.Abs(folder); err == nil { // "." has a name too
		name = filepath.Base(whole)
	}
	return []text{{name, folder, sources}}, nil
}

// holdsWords reports whether a folder is that of a text.
func holdsWords(folder string) bool {
	entries, err := os.ReadDir(folder)
	return err == nil && slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), ".md") && !e.IsDir() })
}

// shippedLocales are the languages that every shipped text is in.
func shippedLocales() []string {
	return slices.Sorted(maps.Keys(templates.ShippedText(templates.Pointer)))
}
