package config

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
)

// Load reads the operator's file. Values that it leaves out are those of Default; environment variables named in the
// example stand above it. lookup finds environment variables (nil: os.LookupEnv). adapters gives, by name, a pointer to
// each adapter's options struct, against which the channels' options are checked; nil leaves them unchecked. An error
// is always Faults, with everything that is wrong.
func Load(path string, lookup func(string) (string, bool), adapters map[string]any) (*Config, error) {
	r := newReader(path, lookup, adapters)
	src, ok := r.read(path)
	if !ok {
		return nil, r.err()
	}
	return r.config(src)
}

// Parse reads the operator's file from memory; file is its name in faults, and relative paths start at its folder.
func Parse(file string, src []byte, lookup func(string) (string, bool), adapters map[string]any) (*Config, error) {
	return newReader(file, lookup, adapters).config(src)
}

func (r *reader) config(src []byte) (*Config, error) {
	c := Default()
	c.file = r.file
	r.document(src, c)
	if r.places[""] != nil {
		if c.Data != "" && !r.isSet("CARILLON_DATA") {
			c.Data = r.beside(c.Data)
		}
		r.override(reflect.ValueOf(c).Elem())
		c.check(r)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// read takes in a file of at most maxFile bytes.
func (r *reader) read(path string) ([]byte, bool) {
	f, err := os.Open(path)
	if err != nil {
		what, repair := "the file cannot be opened", "let the service's user read it"
		if errors.Is(err, os.ErrNotExist) {
			what, repair = "the file does not exist", r.make
		}
		r.whole(what, repair)
		return nil, false
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		r.whole("the file cannot be read", "name a file, not "+filepath.Base(path))
		return nil, false
	}
	return src, true
}

// Nearby says where an instance on this machine listens and where it keeps the operator's token, as its file and the
// environment say. Faults of the file are passed over, and without a file it is the defaults: this finds, it does not
// check.
func Nearby(path string, lookup func(string) (string, bool)) (listen, tokenFile string) {
	r := newReader(path, lookup, nil)
	c := Default()
	if src, ok := r.read(path); ok {
		r.quiet = true // secrets are the server's; this process may not be able to read them
		r.document(src, c)
	}
	if !r.isSet("CARILLON_DATA") {
		c.Data = r.beside(c.Data)
	}
	r.override(reflect.ValueOf(c).Elem())
	return c.Listen, c.TokenFile()
}

// LoadOptions reads a file that holds one channel's options and nothing else. lookup and adapters are as for Load.
func LoadOptions(path, adapter string, lookup func(string) (string, bool), adapters map[string]any) (Section, error) {
	r := newReader(path, lookup, adapters)
	r.make, r.example = "name another with --options, or write one as docs/channels shows", "the examples in docs/channels"
	r.set = here
	src, ok := r.read(path)
	if !ok {
		return Section{}, r.err()
	}
	var alone struct {
		Options Section
	}
	root, ok := r.prepare(src)
	if ok {
		r.places[""] = position(root)
		r.section(root, "", reflect.ValueOf(&alone.Options).Elem(), adapters[adapter])
	}
	return alone.Options, r.err()
}
