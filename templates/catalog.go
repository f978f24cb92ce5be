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
)

// Shipped gives the texts that come with Carillon: name → locale → source. The caller may change what it gets.
func Shipped() map[string]map[string]string {
	out := map[string]map[string]string{}
	err := fs.WalkDir(catalog, "catalog", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		src, err := catalog.ReadFile(path)
		if err != nil {
			return err
		}
		parts := strings.Split(path, "/") // catalog/NAME/LOCALE.md
		if out[parts[1]] == nil {
			out[parts[1]] = map[string]string{}
		}
		out[parts[1]][strings.TrimSuffix(parts[2], ".md")] = string(src)
		return nil
	})
	if err != nil {
		panic("templates: the embedded catalogue cannot be read: " + err.Error()) // the binary is broken
	}
	return out
}

// Wording gives a shipped text with a group's own languages laid over it: own is locale → source, and may be nil.
func Wording(name string, own map[string]string) (*Set, error) {
	sources := Shipped()[name]
	if sources == nil {
		sources = map[string]string{}
	}
	maps.Copy(sources, own)
	return NewSet(sources)
}

// Licences gives the notices that go with what is not ours in this package: the tables of languages' customs.
func Licences() string { return cldr.Licence }
