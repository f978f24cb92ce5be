package app

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// What a log line says of is an id, and stands there; an address does not, wherever it stands, nor what has a key that nobody allowed.
func TestALogNamesNobody(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo, false)
	id := gateway.NewID()
	log.With("member", id, "address", "+4915112345678").Error("cannot reach ann@example.org", "error", errors.New("dial +49 151 12345678: refused"), "name", "Ann", "since", time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC),
		slog.Group("what", "count", 3, "name", "Ann"))
	const said = ` level=ERROR msg="cannot reach [withheld]" member=ID address=[withheld] error="dial [withheld]: refused" name=[withheld] since=2026-11-26T08:00:00.000Z what.count=3 what.name=[withheld]` + "\n"
	if _, line, _ := strings.Cut(out.String(), " "); line != strings.Replace(said, "ID", id.String(), 1)[1:] {
		t.Errorf("%s", out.String())
	}
}

// Every key that the sources log under is allowed, so that no line says "[withheld]" where an operator looks for an id; and only
// those are.
func TestLogKeysAreAllowed(t *testing.T) {
	used := map[string]bool{"cause": true}
	for _, dir := range []string{"gateway", "scheduler", "channels", "config", "cmd"} {
		err := filepath.WalkDir(filepath.Join("../..", dir), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.IsDir() && (entry.Name() == "bench" || entry.Name() == "testdata"):
				return fs.SkipDir
			case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				for _, key := range logKeys(n) {
					used[key] = true
					if !allowed[key] && key != "cause" {
						t.Errorf("%s: the value of %q never reaches a log; use a key that package app allows, or allow it there", files.Position(n.Pos()), key)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(used); n < 50 {
		t.Errorf("only %d keys were found", n)
	}
	for _, key := range slices.Sorted(maps.Keys(allowed)) {
		if !used[key] {
			t.Errorf("nothing is logged under %q, which is allowed", key)
		}
	}
}

// logKeys gives the keys of attributes in a call that logs.
func logKeys(n ast.Node) (keys []string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) == 0 {
		return nil
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return nil
	}
	if of, named := method.X.(*ast.Ident); named && of.Name == "http" {
		return nil
	}
	first := 1
	switch method.Sel.Name {
	case "Debug", "Info", "Warn", "Error":
	case "With":
		first = 0
	default:
		return nil
	}
	for i := first; i < len(call.Args); i += 2 {
		if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if key, err := strconv.Unquote(lit.Value); err == nil {
				keys = append(keys, key)
			}
		}
	}
	return keys
}
