package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds a file of ours; the largest real one is a hundredth of it. maxDepth bounds its nesting, before the
// parser, which recurses, sees it.
const (
	maxFile  = 256 << 10
	maxDepth = 64
	// maxFaults bounds what is said of one file; nobody reads more.
	maxFaults = 500
)

// reader turns one YAML file into values and gathers everything that is wrong with it.
type reader struct {
	file     string
	lookup   func(string) (string, bool)
	adapters map[string]any
	make     string // how to mend that the file does not exist
	example  string // where to see how the file looks
	set      string // where an environment variable that it names is to be set
	faults   Faults
	places   map[string]*token.Position // of every path that the file has
	bad      map[string]bool            // paths with a fault: nothing more is said of them
	more     bool                       // there are faults beyond maxFaults
	quiet    bool                       // a second pass over a node whose faults are known
}

func newReader(file string, lookup func(string) (string, bool), adapters map[string]any) *reader {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	return &reader{file: file, lookup: lookup, adapters: adapters,
		make: "name another with --config, or make one with carillon init", example: "the example that carillon init writes", set: "for the service",
		places: map[string]*token.Position{}, bad: map[string]bool{}}
}

// err gives what was found as an error, or nil.
func (r *reader) err() error {
	if len(r.faults) == 0 {
		return nil
	}
	faults := r.faults.sorted()
	if r.more {
		faults = append(faults, Fault{File: r.file, What: "there are more faults than these", Repair: "mend these first"})
	}
	return faults
}

func (r *reader) whole(what, repair string) {
	if r.quiet {
		return
	}
	r.faults = append(r.faults, Fault{File: r.file, What: what, Repair: repair})
}

// fault reports a path once: what follows from a fault is not said too.
func (r *reader) fault(at *token.Position, path, what, repair string) {
	if r.quiet || r.bad[path] {
		return
	}
	r.bad[path] = true
	r.add(at, path, what, repair)
}

func (r *reader) add(at *token.Position, path, what, repair string) {
	if r.quiet {
		return
	}
	if len(r.faults) >= maxFaults {
		r.more = true
		return
	}
	f := Fault{File: r.file, Path: path, What: what, Repair: repair}
	if at != nil {
		f.Line, f.Column = at.Line, at.Column
	}
	r.faults = append(r.faults, f)
}

// faultAt is for rules over values that were read: it finds the place of the path, or of what holds it.
func (r *reader) faultAt(path, what, repair string) {
	for p := path; ; {
		if at := r.places[p]; at != nil || p == "" {
			r.fault(at, path, what, repair)
			return
		}
		p = p[:max(0, strings.LastIndexAny(p, ".["))]
	}
}

// given reports whether the file has a value at the path that was read without a fault.
func (r *reader) given(path string) bool { return r.places[path] != nil && !r.bad[path] }

// document reads the file's one mapping into the struct that into points to.
func (r *reader) document(src []byte, into any) {
	if root, ok := r.prepare(src); ok {
		r.places[""] = &token.Position{Line: 1, Column: 1}
		r.value(root, "", reflect.ValueOf(into).Elem(), field{})
	}
}

// prepare checks the file as bytes and parses it.
func (r *reader) prepare(src []byte) (ast.Node, bool) {
	src = bytes.TrimPrefix(src, []byte("\xef\xbb\xbf"))
	switch {
	case len(src) > maxFile:
		r.whole(fmt.Sprintf("the file has %d bytes", len(src)), fmt.Sprintf("keep it under %d KiB", maxFile>>10))
		return nil, false
	case !utf8.Valid(src):
		r.whole("the file is not UTF-8 text", "save it as UTF-8")
		return nil, false
	case tooDeep(src):
		r.whole("the file is nested too deeply", fmt.Sprintf("use at most %d levels", maxDepth))
		return nil, false
	}
	return r.parse(src)
}

// parse gives the file's only document. The parser has panicked on hostile input before; that is a fault of the file.
func (r *reader) parse(src []byte) (root ast.Node, ok bool) {
	defer func() {
		if recover() != nil {
			r.whole("this is not YAML", "compare it with "+r.example)
			root, ok = nil, false
		}
	}()
	file, err := parser.ParseBytes(src, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(src, err)
		return nil, false
	}
	var docs []*ast.DocumentNode
	for _, doc := range file.Docs {
		if doc.Body != nil {
			docs = append(docs, doc)
		}
	}
	switch {
	case len(docs) == 0:
		r.whole("the file is empty", "start from "+r.example)
		return nil, false
	case len(docs) > 1:
		at := docs[1].Body.GetToken().Position
		r.fault(at, "", "a second document starts here", "keep everything in one document, without --- lines")
		return nil, false
	}
	return docs[0].Body, true
}

// syntax reports what the parser stumbled on. It stops at the first, so lines indented by tabs, the usual cause, are
// all named here.
func (r *reader) syntax(src []byte, err error) {
	for i, line := range strings.Split(string(src), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.TrimSpace(line) != "" {
			r.faults = append(r.faults, Fault{File: r.file, Line: i + 1, Column: tab + 1,
				What: "the line is indented by a tab", Repair: "indent with spaces"})
		}
	}
	if len(r.faults) > 0 {
		return
	}
	var syntax *yaml.SyntaxError
	if errors.As(err, &syntax) && syntax.Token != nil {
		// The parser's sentence may quote the file, and so a secret in the wrong place; its position is enough.
		r.fault(syntax.Token.Position, "", "this is not YAML", "check the indentation, the colons and the quotes on this line and the one above")
		return
	}
	r.whole("this is not YAML", "check the indentation, the colons and the quotes")
}

// tooDeep looks for more nesting than any true file has: brackets, or a line of "- - - -", or indentation steps.
func tooDeep(src []byte) bool {
	brackets, indents := 0, []int{}
	for line := range bytes.Lines(src) {
		indent := len(line) - len(bytes.TrimLeft(line, " "))
		for len(indents) > 0 && indents[len(indents)-1] >= indent {
			indents = indents[:len(indents)-1]
		}
		indents = append(indents, indent)
		if len(indents) > maxDepth || bytes.Count(line, []byte("- ")) > 2*maxDepth || bytes.Count(line, []byte("? ")) > 2*maxDepth {
			return true
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				brackets++
			case ']', '}':
				brackets = max(0, brackets-1)
			}
			if brackets > maxDepth {
				return true
			}
		}
	}
	return false
}

// secret follows a reference. It returns false after reporting why it could not.
func (r *reader) secret(n ast.Node, path string) (string, bool) {
	kind, name, ok := reference(n)
	if !ok {
		what := "a secret stands here in clear"
		if _, isMap := n.(ast.MapNode); isMap {
			what = "this is no reference to a secret"
		}
		r.fault(position(n), path, what, "write {env: NAME} or {file: PATH}, keep the secret there, and change it if others may have seen it")
		return "", false
	}
	if kind == "env" {
		v, ok := r.lookup(name)
		if !ok || v == "" {
			r.fault(position(n), path, "the environment variable "+name+" is not set", "set it "+r.set+", or use {file: PATH}")
			return "", false
		}
		return v, true
	}
	return r.secretFile(n, path, name)
}

func (r *reader) secretFile(n ast.Node, path, name string) (string, bool) {
	full := r.beside(name)
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.fault(position(n), path, "the file "+name+" does not exist", "make it, readable by the service's user only; a relative path starts at this file's folder")
	case err != nil:
		r.fault(position(n), path, "the file "+name+" cannot be looked at", "let the service's user enter its folder")
	case !info.Mode().IsRegular():
		r.fault(position(n), path, name+" is not a file", "name a file that holds the secret and nothing else")
	case os.PathSeparator == '/' && info.Mode().Perm()&0o007 != 0:
		r.fault(position(n), path, "everyone on this machine may use the file "+name, "run chmod 600 on it (a container mounts it with mode 0400 or 0440)")
	case info.Size() > 64<<10:
		r.fault(position(n), path, "the file "+name+" is too large for a secret", "name a file that holds the secret and nothing else")
	default:
		b, err := os.ReadFile(full)
		text := strings.TrimRight(string(b), "\r\n")
		if err == nil && text != "" {
			return text, true
		}
		what := "the file " + name + " is empty"
		if err != nil {
			what = "the file " + name + " cannot be read"
		}
		r.fault(position(n), path, what, "write the secret into it and let the service's user read it")
	}
	return "", false
}

// beside places a relative path in the file's folder.
func (r *reader) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(r.file), name)
}

// reference recognises {env: NAME} and {file: PATH}.
func reference(n ast.Node) (kind, name string, ok bool) {
	m, isMap := n.(ast.MapNode)
	if !isMap {
		return "", "", false
	}
	for it := m.MapRange(); it.Next(); {
		key, value := it.Key().GetToken(), it.Value()
		s, isString := value.(*ast.StringNode)
		if kind != "" || key == nil || !isString || s.Value == "" {
			return "", "", false
		}
		kind, name = key.Value, s.Value
	}
	return kind, name, kind == "env" || kind == "file"
}

func position(n ast.Node) *token.Position {
	if m, ok := n.(ast.MapNode); ok { // a mapping's own token is its first colon
		for it := m.MapRange(); it.Next(); {
			if t := it.Key().GetToken(); t != nil {
				return t.Position
			}
		}
	}
	if t := n.GetToken(); t != nil {
		return t.Position
	}
	return nil
}
