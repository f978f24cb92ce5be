package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// field is what the tags of a struct field say. The name comes from yaml or, in an adapter's options, from json.
//
//	doc:"…"          one sentence for people; goes into the schema
//	required:"true"  the key must be there
//	enum:"a,b"       the only values
//	min:"1" max:"9"  bounds of a number, or of the length of a list
//	pattern:"…"      what a text must match whole, and like:"…", a value that does
//	env:"NAME"       an environment variable that overrides the file
type field struct {
	name, doc, pattern, like, env string
	enum                          []string
	min, max                      string
	required                      bool
	index                         []int
	kind                          reflect.Type
}

// fieldsOf lists the keys of a struct in order; embedded structs give theirs.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for _, sf := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(sf.Tag.Get("yaml"), ",")
		if name == "" {
			name, _, _ = strings.Cut(sf.Tag.Get("json"), ",")
		}
		if !sf.IsExported() || sf.Anonymous || name == "-" || name == "" {
			continue
		}
		f := field{name: name, doc: sf.Tag.Get("doc"), pattern: sf.Tag.Get("pattern"), like: sf.Tag.Get("like"), env: sf.Tag.Get("env"),
			min: bound(sf.Tag, "min", "minimum"), max: bound(sf.Tag, "max", "maximum"),
			required: sf.Tag.Get("required") == "true", index: sf.Index, kind: sf.Type}
		if e := sf.Tag.Get("enum"); e != "" {
			f.enum = strings.Split(e, ",")
		}
		out = append(out, f)
	}
	return out
}

func bound(tag reflect.StructTag, names ...string) string {
	for _, n := range names {
		if v := tag.Get(n); v != "" {
			return v
		}
	}
	return ""
}

// isSecret reports whether a type is a credential: ours, or a text of any package that prints as one.
func isSecret(t reflect.Type) bool {
	if t == reflect.TypeFor[Secret]() {
		return true
	}
	if t.Kind() != reflect.String {
		return false
	}
	s, ok := reflect.Zero(t).Interface().(fmt.Stringer)
	return ok && s.String() == hidden
}

// value reads a node into v and reports what does not fit.
func (r *reader) value(n ast.Node, path string, v reflect.Value, f field) {
	t := v.Type()
	switch {
	case !r.plain(n, path):
	case isSecret(t):
		if text, ok := r.secret(n, path); ok {
			if t == reflect.TypeFor[Secret]() {
				v.Set(reflect.ValueOf(Secret{text}))
			} else {
				v.SetString(text)
			}
		}
	case t.Kind() == reflect.Pointer:
		v.Set(reflect.New(t.Elem()))
		r.value(n, path, v.Elem(), f)
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		r.raw(n, path, 0)
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		if text, ok := r.text(n, path, field{}); ok { // the type knows its values and says more than an enum
			if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
				r.fault(position(n), path, "this value cannot be used", err.Error())
			}
		}
	case t.Kind() == reflect.Struct:
		r.mapping(n, path, v)
	case t.Kind() == reflect.Map:
		r.table(n, path, v, f)
	case t.Kind() == reflect.Slice:
		r.list(n, path, v, f)
	case t.Kind() == reflect.String:
		if text, ok := r.text(n, path, f); ok {
			v.SetString(text)
		}
	case t.Kind() == reflect.Bool:
		b, ok := n.(*ast.BoolNode)
		if !ok || (b.Token.Value != "true" && b.Token.Value != "false") {
			r.fault(position(n), path, "expected true or false, found "+kindOf(n), "write true or false, without quotes")
			return
		}
		v.SetBool(b.Value)
	case v.CanInt(), v.CanUint(), v.CanFloat():
		r.number(n, path, v, f)
	default:
		panic(fmt.Sprintf("config: %s cannot hold a %v", path, t)) // a mistake in a struct of ours, met by every test
	}
}

// plain refuses what YAML offers beyond values: anchors, aliases, tags, and keys without a value.
func (r *reader) plain(n ast.Node, path string) bool {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		r.fault(position(n), path, "anchors and aliases are not used here", "write the value out")
	case *ast.TagNode, *ast.DirectiveNode:
		r.fault(position(n), path, "YAML tags are not used here", "write the value alone")
	case *ast.NullNode:
		r.fault(position(n), path, "the key has no value", "give it one, or delete the line")
	default:
		return true
	}
	return false
}

// entry is one key of a mapping.
type entry struct {
	key   string
	at    *token.Position
	value ast.Node
}

// entries lists the keys of a mapping; a key given twice is reported and its first value stands.
func (r *reader) entries(n ast.Node, path string) ([]entry, bool) {
	m, ok := n.(ast.MapNode)
	if !ok {
		r.fault(position(n), path, "expected keys with values, found "+kindOf(n), "write one key: value a line, indented below")
		return nil, false
	}
	var out []entry
	seen := map[string]*token.Position{}
	for it := m.MapRange(); it.Next(); {
		k := it.Key()
		tok := k.GetToken()
		if _, quoted := k.(*ast.StringNode); tok == nil || !quoted && !isScalar(k) {
			r.fault(position(n), join(path, "?"), "this key is no plain word", "write a plain key, without <<, ? or brackets")
			continue
		}
		if first, twice := seen[tok.Value]; twice {
			r.add(tok.Position, join(path, tok.Value), fmt.Sprintf("the key is given twice, first in line %d", first.Line), "keep one of them")
			continue
		}
		seen[tok.Value] = tok.Position
		out = append(out, entry{tok.Value, tok.Position, it.Value()})
	}
	return out, true
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.StringNode:
		return true
	}
	return false
}

// mapping reads the keys of a struct. Names of its own that it does not know are faults.
func (r *reader) mapping(n ast.Node, path string, v reflect.Value) {
	entries, ok := r.entries(n, path)
	if !ok {
		return
	}
	fields := fieldsOf(v.Type())
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	var options ast.Node
	for _, e := range entries {
		i := slices.Index(names, e.key)
		at := join(path, e.key)
		if i < 0 {
			repair := "the keys here are " + strings.Join(names, ", ")
			if near := nearest(e.key, names); near != "" {
				repair = "did you mean " + near + "?"
			}
			r.fault(e.at, at, "unknown key", repair)
			continue
		}
		r.places[at] = e.at
		if fields[i].kind == reflect.TypeFor[Section]() {
			options = e.value // read below, when the adapter's name is known
			continue
		}
		r.value(e.value, at, v.FieldByIndex(fields[i].index), fields[i])
	}
	for _, f := range fields {
		at := join(path, f.name)
		if f.required && r.places[at] == nil && !(f.env != "" && r.isSet(f.env)) {
			where := position(n)
			if path == "" {
				where = nil
			}
			r.fault(where, at, "this is missing", "add it: "+f.doc)
		}
	}
	if section, ok := v.Addr().Interface().(adapted); ok {
		name, into, keeps := section.adapted()
		r.adapter(path, name, options, into, keeps)
	}
}

// adapted is a struct with an adapter and its options; keeps says that options left out are those that are known.
type adapted interface {
	adapted() (adapter string, options *Section, keeps bool)
}

// table reads a mapping with free keys.
func (r *reader) table(n ast.Node, path string, v reflect.Value, f field) {
	entries, ok := r.entries(n, path)
	if !ok {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range entries {
		at := join(path, e.key)
		r.places[at] = e.at
		item := reflect.New(v.Type().Elem()).Elem()
		r.value(e.value, at, item, f.inner())
		v.SetMapIndex(reflect.ValueOf(e.key), item)
	}
}

func (r *reader) list(n ast.Node, path string, v reflect.Value, f field) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		r.fault(position(n), path, "expected a list, found "+kindOf(n), "write each item on a line of its own behind a dash, or all in [brackets]")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		r.places[at] = position(item)
		r.value(item, at, v.Index(i), f.inner())
	}
	r.within(n, path, float64(len(s.Values)), f, "items")
}

// text reads a text. Numbers and truth values in its place lose zeros and signs, so they must be quoted.
func (r *reader) text(n ast.Node, path string, f field) (string, bool) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.LiteralNode:
		s = n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		r.fault(position(n), path, "expected a text, found "+kindOf(n), "put it in quotes")
		return "", false
	default:
		r.fault(position(n), path, "expected a text, found "+kindOf(n), "write one value here; quote it if it starts with { or [")
		return "", false
	}
	if len(f.enum) > 0 && !slices.Contains(f.enum, s) {
		repair := "use one of " + strings.Join(f.enum, ", ")
		if near := nearest(s, f.enum); near != "" {
			repair = "did you mean " + near + "?"
		}
		r.fault(position(n), path, "this value does not exist", repair)
		return "", false
	}
	if f.pattern != "" && !regexp.MustCompile("^(?:"+f.pattern+")$").MatchString(s) {
		r.fault(position(n), path, "this value has the wrong form", "write it like "+f.like)
		return "", false
	}
	return s, true
}

// number reads a decimal number. YAML reads 010 as eight and 1_000 as a thousand; here both are faults.
func (r *reader) number(n ast.Node, path string, v reflect.Value, f field) {
	text, whole := n.GetToken().Value, v.CanInt() || v.CanUint()
	switch n.(type) {
	case *ast.IntegerNode:
	case *ast.FloatNode:
		if whole {
			r.fault(position(n), path, "expected a whole number", "write it without a point")
			return
		}
	default:
		r.fault(position(n), path, "expected a number, found "+kindOf(n), "write digits, without quotes")
		return
	}
	if !plainNumber(text) {
		r.fault(position(n), path, "this number can be read in two ways", "write plain decimal digits, without leading zeros, + or _")
		return
	}
	x, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil, v.CanInt() && v.OverflowInt(int64(x)), v.CanUint() && (x < 0 || v.OverflowUint(uint64(x))), whole && (x > 1<<53 || x < -1<<53):
		r.fault(position(n), path, "the number is out of range", "write a smaller one")
		return
	case v.CanInt():
		v.SetInt(int64(x))
	case v.CanUint():
		v.SetUint(uint64(x))
	default:
		v.SetFloat(x)
	}
	r.within(n, path, x, f, "")
}

func plainNumber(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	for _, c := range digits {
		if (c < '0' || c > '9') && c != '.' {
			return false
		}
	}
	return digits != "" && (len(digits) == 1 || digits[0] != '0' || digits[1] == '.')
}

func (r *reader) within(n ast.Node, path string, x float64, f field, unit string) {
	low, errLow := strconv.ParseFloat(f.min, 64)
	high, errHigh := strconv.ParseFloat(f.max, 64)
	if (errLow != nil || x >= low) && (errHigh != nil || x <= high) {
		return
	}
	what, repair := "the number is out of range", "use "
	if unit != "" {
		what, repair = fmt.Sprintf("the list has %v %s", x, unit), "give it "
	}
	switch {
	case errHigh != nil:
		repair += "at least " + f.min
	case errLow != nil:
		repair += "at most " + f.max
	default:
		repair += f.min + " to " + f.max
	}
	r.fault(position(n), path, what, repair)
}

// override puts environment variables over the struct's values and those of the structs in it.
func (r *reader) override(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		target := v.FieldByIndex(f.index)
		if f.env == "" {
			if target.Kind() == reflect.Struct {
				r.override(target)
			}
			continue
		}
		if !r.isSet(f.env) {
			continue
		}
		text, _ := r.lookup(f.env)
		// The variable's text is read as if it stood in a file of its own, so that both obey the same rules.
		inner := newReader("environment", r.lookup, nil)
		node := ast.Node(&ast.StringNode{BaseNode: &ast.BaseNode{}, Token: &token.Token{Value: text, Position: &token.Position{}}, Value: text})
		if target.Kind() == reflect.Bool && (text == "true" || text == "false") {
			node = &ast.BoolNode{BaseNode: &ast.BaseNode{}, Token: &token.Token{Value: text, Position: &token.Position{}}, Value: text == "true"}
		}
		inner.value(node, f.env, target, f)
		r.faults = append(r.faults, inner.faults...)
	}
}

func (r *reader) isSet(env string) bool {
	v, ok := r.lookup(env)
	return ok && v != ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func kindOf(n ast.Node) string {
	switch n := n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "a text"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return n.Token.Value
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "keys with values"
	default:
		return "something else"
	}
}
