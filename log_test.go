package carillon_test

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

// TestLogKeysAreAllowed: every key that a source logs under is one whose values package app lets through, so that no line says
// "[withheld]" where an operator looks for an id; and only those are let through.
func TestLogKeysAreAllowed(t *testing.T) {
	allowed, used := map[string]bool{}, map[string]bool{}
	for _, src := range sources(t) {
		if src.file == "gateway/app/log.go" {
			ast.Inspect(src.ast, func(n ast.Node) bool {
				if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "allowed" {
					for _, pair := range spec.Values[0].(*ast.CompositeLit).Elts {
						allowed[text(pair.(*ast.KeyValueExpr).Key)] = true
					}
				}
				return true
			})
		}
	}
	for _, src := range sources(t) {
		if strings.HasSuffix(src.file, "_test.go") || src.pkg == "gateway/bench" {
			continue
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			for _, key := range logKeys(n) {
				if used[key] = true; !allowed[key] {
					t.Errorf("%s: the value of %q never reaches a log; use a key that gateway/app/log.go allows, or allow it there", src.file, key)
				}
			}
			return true
		})
	}
	if n := len(used); n < 50 {
		t.Errorf("only %d keys were found", n)
	}
	for key := range allowed {
		if !used[key] {
			t.Errorf("nothing is logged under %q, which gateway/app/log.go allows", key)
		}
	}
}

// logKeys gives the keys of attributes in a call that logs.
func logKeys(n ast.Node) (keys []string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if of, named := method.X.(*ast.Ident); named && of.Name == "http" { // http.Error
		return nil
	}
	first := 1 // behind the message
	switch method.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
	case "With":
		first = 0
	default:
		return nil
	}
	for i := first; i < len(call.Args); i += 2 {
		if key := text(call.Args[i]); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// text is the value of a string that is written out; empty: it is none.
func text(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
