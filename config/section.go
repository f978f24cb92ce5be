package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// adapter checks a channel's adapter and reads its options by the adapter's own struct, so that a mistake there is
// found with everything else.
func (r *reader) adapter(path string, name string, options ast.Node, into *Section, keeps bool) {
	if r.adapters == nil {
		if options != nil {
			r.section(options, path+".options", reflect.ValueOf(into).Elem(), nil)
		}
		return
	}
	known := make([]string, 0, len(r.adapters))
	for n := range r.adapters {
		known = append(known, n)
	}
	slices.Sort(known)
	proto, ok := r.adapters[name]
	if !ok && r.given(path+".adapter") {
		repair := "use one of " + strings.Join(known, ", ")
		if near := nearest(name, known); near != "" {
			repair = "did you mean " + near + "?"
		}
		r.faultAt(path+".adapter", "this adapter does not exist", repair)
	}
	switch {
	case options != nil:
		r.section(options, path+".options", reflect.ValueOf(into).Elem(), proto)
	case ok && !keeps:
		for _, f := range fieldsOf(reflect.TypeOf(proto).Elem()) {
			if f.required {
				r.faultAt(join(path+".options", f.name), "this is missing", "add it: "+f.doc)
			}
		}
	}
}

// section reads options twice: by the adapter's struct, for faults, and freely, for the JSON that the adapter gets.
func (r *reader) section(n ast.Node, path string, v reflect.Value, proto any) {
	if _, ok := n.(ast.MapNode); !ok {
		r.fault(position(n), path, "expected keys with values, found "+kindOf(n), "write one key: value a line, indented below")
		return
	}
	before := len(r.faults)
	if proto != nil {
		r.value(n, path, reflect.New(reflect.TypeOf(proto).Elem()).Elem(), field{})
		r.quiet = true
		defer func() { r.quiet = false }()
	}
	raw, ok := r.raw(n, path, 0)
	if !ok || len(r.faults) > before {
		return
	}
	b, err := json.Marshal(raw)
	if err != nil {
		r.quiet = false
		r.fault(position(n), path, "these options cannot be read", "use texts, numbers, true, false, lists and keys only")
		return
	}
	v.Set(reflect.ValueOf(Section{Secret{string(b)}}))
}

// raw reads a node freely: references become the texts that they refer to.
func (r *reader) raw(n ast.Node, path string, depth int) (any, bool) {
	if depth > maxDepth || !r.plain(n, path) {
		return nil, false
	}
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.BoolNode:
		return n.Value, true
	case *ast.IntegerNode, *ast.FloatNode:
		text := n.GetToken().Value
		if !plainNumber(text) {
			r.fault(position(n), path, "this number can be read in two ways", "put it in quotes if it is a text, or write plain decimal digits")
			return nil, false
		}
		return json.Number(text), true
	case *ast.SequenceNode:
		out, all := make([]any, len(n.Values)), true
		for i, item := range n.Values {
			var ok bool
			out[i], ok = r.raw(item, fmt.Sprintf("%s[%d]", path, i), depth+1)
			all = all && ok
		}
		return out, all
	}
	if _, _, ok := reference(n); ok {
		return r.secretValue(n, path)
	}
	entries, ok := r.entries(n, path)
	out := make(map[string]any, len(entries))
	for _, e := range entries {
		v, good := r.raw(e.value, join(path, e.key), depth+1)
		ok, out[e.key] = ok && good, v
	}
	return out, ok
}

func (r *reader) secretValue(n ast.Node, path string) (any, bool) {
	text, ok := r.secret(n, path)
	return text, ok
}
