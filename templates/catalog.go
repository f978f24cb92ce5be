package templates

import (
	"embed"
	"io/fs"
	"maps"
	"strings"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

//go:embed catalog
var catalog embed.FS

// The names of the shipped texts. Those of notices to owners stand in package gateway.
const (
	Pointer        = "pointer"         // neutral mode: that there is a message, and nothing else
	Confirm        = "confirm"         // asks whether {group} may write
	ConfirmNeutral = "confirm-neutral" // the same without the group's name
	Stopped        = "stopped"         // after STOP: how to return

	EventNeutral    = "event-neutral"    // in a calendar: that there is an event, and nothing else
	CalendarNeutral = "calendar-neutral" // the name of such a calendar
)

// Shipped gives the texts that come with Carillon: name → locale → source. The caller may change what it gets. Who wants
// one text asks ShippedText, for these are hundreds of files.
func Shipped() map[string]map[string]string { return embedded(catalog, "catalog") }

// ShippedText gives one text that comes with Carillon: locale → source; nil if there is none of this name. The caller may
// change what it gets.
func ShippedText(name string) map[string]string { return languages(catalog, "catalog/"+name) }

// Wording gives a shipped text with a group's own languages laid over it: own is locale → source, and may be nil.
func Wording(name string, own map[string]string) (*Set, error) {
	sources := ShippedText(name)
	if sources == nil {
		sources = map[string]string{}
	}
	maps.Copy(sources, own)
	return NewSet(sources)
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
