// Command gen writes the tables of package cldr from the npm packages of Unicode's Common Locale Data Repository, which
// fetch.sh lays out in a folder. With -show LOCALE it prints a table that is there, to compare two releases.
package main

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// locales are those that ship; und, the root, is for all others.
const locales = "am ar ar-EG az be bg bn bs ca ckb cs da de el en en-GB es es-MX et fa fi fr fr-CA ha he hi hr hu hy id it ja ka km ko ku lt mk ml ms my ne nl pl ps pt-BR pt-PT ro ru rw si so sq sr sv sw ta th ti tr uk ur uz vi yo zh-Hans zh-Hant"

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "folder with the packages, each in a folder of its name")
	to := flag.String("to", "data", "folder of the tables")
	show := flag.String("show", "", "print the table of this locale and stop")
	flag.Parse()
	if *show != "" {
		for _, part := range []string{"", ".zones"} {
			if err := dump(filepath.Join(*to, *show+part)); err != nil {
				log.Fatal(err)
			}
		}
		return
	}
	g := &generator{from: *from, read: map[string]any{}}
	if err := g.write(*to); err != nil {
		log.Fatal("gen: ", err)
	}
}

func dump(path string) error {
	packed, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	plain, err := cldr.Unpack(packed)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, plain, "", " "); err != nil {
		return err
	}
	fmt.Println(b.String())
	return nil
}

func (g *generator) write(to string) (err error) {
	defer func() { // what is not where it is looked for ends the run: the packages have changed
		if r := recover(); r != nil {
			missing, ok := r.(missing)
			if !ok {
				panic(r)
			}
			err = fmt.Errorf("%s", string(missing))
		}
	}()
	if err := pack(filepath.Join(to, "shared"), g.shared()); err != nil {
		return err
	}
	if err := pack(filepath.Join(to, "..", "testdata", "samples"), g.samples()); err != nil {
		return err
	}
	for _, locale := range append(strings.Fields(locales), "und") {
		if err := pack(filepath.Join(to, locale), g.table(locale)); err != nil {
			return err
		}
		if err := pack(filepath.Join(to, locale+".zones"), g.zones(locale)); err != nil {
			return err
		}
	}
	return nil
}

func pack(path string, v any) error {
	var plain, packed bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(plain.Bytes()); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, packed.Bytes(), 0o644)
}
