package carillon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/carillon-gateway/carillon/"

// rule binds the non-test files of one package, or of all below it when Pkg ends in "/...": which of our own
// packages they may import, and why no others.
type rule struct {
	Pkg    string
	May    []string // a name that ends in "/..." takes all below it too
	Reason string
}

var adapters = []string{"channels/sms", "channels/telegram", "channels/mattermost", "channels/email", "channels/webhook", "channels/androidsms", "channels/matrix", "channels/ntfy", "channels/mastodon", "channels/signal", "channels/voice", "channels/shoutrrr", "channels/external"}

// The rows follow the design's section 5; a row changes by a decision record in docs/adr.
var rules = []rule{
	{"gateway/civil", nil, "clock rules stand on the standard library, so everything may use them"},
	{"channels/content", nil, "structured text is shared by words and channels, and belongs to neither"},
	{"reach", nil, "which addresses may be dialled is asked by channels and by calendars, which do not know each other"},
	{"config", nil, "the operator's file is read before anything exists"},
	{"gateway/internal/seal", nil, "sealing knows bytes, not people"},
	{"gateway", []string{"gateway/civil", "channels/content"}, "the nouns know no provider and no database"},
	{"channels", []string{"channels/content"}, "the contract knows one provider and one message"},
	{"channels/compose", []string{"channels", "channels/content"}, "measuring and cutting serve every adapter"},
	{"channels/httpsend", []string{"channels", "channels/content", "reach"}, "one HTTP attempt serves every adapter"},
	{"channels/phone", []string{"channels", "channels/content"}, "telephone numbers are read alike for every adapter that sends to them"},
	{"channels/twilio", []string{"channels", "channels/content", "channels/httpsend"}, "shared by text messages and voice"},
	{"channels/sms", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/telegram", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/mattermost", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/email", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/webhook", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/androidsms", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/matrix", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/ntfy", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/mastodon", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/signal", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/voice", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/shoutrrr", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/external", adapterMay, "an adapter never sees members, settings files or another adapter"},
	{"channels/external/kit", []string{"channels", "channels/external", "channels/channeltest", "channels/httpsend", "channels/sandbox"}, "what is asked of a program that is to be an adapter; a plain library that a command can run"},
	{"channels/builtin", append([]string{"channels"}, adapters...), "the explicit list of adapters"},
	{"gateway/client", []string{"gateway"}, "a client knows the nouns and HTTP"},
	{"channels/sandbox", []string{"channels/content", "channels/compose"}, "a stand-in speaks the wire, never our contract"},
	{"channels/channeltest", []string{"channels", "channels/content", "channels/sandbox"}, "a plain library that a command can run too"},
	{"templates", []string{"channels/content", "gateway/civil", "templates/internal/cldr"}, "words become structured text, nothing else"},
	{"templates/internal/cldr", nil, "the customs of a language know no templates"},
	{"templates/internal/cldr/gen", []string{"templates/internal/cldr"}, "it writes the tables that cldr reads"},
	{"scheduler/...", []string{"gateway", "gateway/civil", "scheduler/...", "reach"}, "time knows no provider and no words; its parts may build on each other"},
	{"gateway/internal/store/...", []string{"gateway", "gateway/civil", "gateway/internal/seal", "gateway/internal/store/..."}, "the ledger keeps nouns; nobody but the app knows which database"},
	{"gateway/internal/model", []string{"gateway", "gateway/internal/store/row", "gateway/internal/store/roll"}, "it explores our decisions and our rows, not copies of them"},
	{"gateway/internal/servers", nil, "it starts other people's programs for tests"},
	{"gateway/internal/queue/redisq", []string{"channels", "gateway", "gateway/internal/queue", "gateway/internal/limit"}, "what processes share on Redis: hints, signals and rates"},
	{"gateway/internal/queue/...", []string{"gateway", "gateway/internal/queue/..."}, "the queue holds hints"},
	{"gateway/internal/directory", domainMay, "who is meant"},
	{"gateway/internal/fanout", append([]string{"templates"}, domainMay...), "what to whom"},
	{"gateway/internal/dispatch", append([]string{"gateway/internal/queue", "gateway/internal/limit"}, domainMay...), "sending"},
	{"gateway/internal/track", domainMay, "receipts"},
	{"gateway/internal/release", []string{"gateway"}, "a second person decides about nouns, before fan-out"},
	{"gateway/internal/spool", nil, "a spool keeps bytes, and knows nobody"},
	{"gateway/internal/inbound", append([]string{"templates", "channels/compose", "gateway/internal/spool"}, domainMay...), "what members send, and their pages"},
	{"gateway/internal/limit", []string{"gateway", "channels"}, "rates"},
	{"gateway/internal/api", []string{"gateway", "gateway/civil", "channels/content", "templates"}, "HTTP speaks nouns"},
	{"gateway/internal/web", []string{"gateway", "gateway/civil", "channels/content", "channels/compose", "templates", "gateway/internal/api"}, "pages speak nouns, and write texts as channels do"},
	{"cmd/carillon", []string{"config", "gateway", "gateway/app", "gateway/client", "channels", "channels/builtin", "channels/external", "channels/external/kit", "channels/sandbox", "channels/channeltest", "templates", "scheduler/...", "channels/compose", "gateway/civil"}, "thin: the command line wires nothing itself"},
}

var (
	adapterMay = []string{"channels", "channels/content", "channels/compose", "channels/httpsend", "channels/phone", "channels/twilio"}
	domainMay  = []string{"gateway", "gateway/civil", "channels", "channels/content"}
)

// free packages may import anything; appOnly are the only importers of gateway/app.
var (
	free    = []string{"gateway/app", "gateway/app/apptest", "gateway/bench", "channels/external/examples/custom"}
	appOnly = []string{"cmd/carillon", "gateway/app/apptest", "gateway/bench", "channels/external/examples/custom"}
)

// drivers may be imported by the named packages only.
var drivers = map[string][]string{
	"modernc.org/sqlite":                              {"gateway/internal/store/..."},
	"github.com/pressly/goose/v3":                     {"gateway/internal/store/..."},
	"database/sql":                                    {"gateway/internal/store/..."},
	"github.com/jackc/pgx/v5":                         {"gateway/internal/store/...", "gateway/internal/servers"},
	"github.com/redis/go-redis/v9":                    {"gateway/internal/queue/redisq", "gateway/internal/servers"},
	"github.com/twilio/twilio-go":                     nil, // the root package costs 40 s of compiling
	"github.com/twilio/twilio-go/client":              {"channels/twilio", "channels/sms"},
	"github.com/go-telegram-bot-api/telegram-bot-api": {"channels/telegram"},
	"github.com/mattermost/mattermost/server/public":  {"channels/mattermost"}, // a third of the binary
	"github.com/wneessen/go-mail":                     {"channels/email"},
	"github.com/emersion/go-msgauth":                  {"channels/email"},
	"github.com/emersion/go-imap":                     {"channels/email", "channels/sandbox"},
	"github.com/emersion/go-smtp":                     {"channels/sandbox"},
	"github.com/emersion/go-ical":                     {"scheduler/calendar"}, // Decode only: its recurrences lose dates
	"github.com/nicholas-fedor/shoutrrr":              {"channels/shoutrrr"},  // it sends as it likes: docs/adr/0068
	"github.com/robfig/cron/v3":                       {"scheduler"},          // its Next puts runs on the wrong day: syntax only
	"github.com/teambition/rrule-go":                  {"scheduler/recur"},    // never ends on some rules, and knows no gaps
	"testing":                                         {"gateway/app/apptest", "gateway/internal/servers", "gateway/internal/store/storetest", "gateway/internal/store/blank", "gateway/internal/queue/queuetest"},
}

// long files may pass 500 lines, each for the reason beside it.
var long = map[string]string{}

type source struct {
	pkg, file string
	ast       *ast.File
	lines     int
}

// TestLayout holds the imports of every package against the table, one story a row: who may know whom, and why.
func TestLayout(t *testing.T) {
	seen := map[string]bool{}
	for _, src := range sources(t) {
		if strings.HasSuffix(src.file, "_test.go") {
			continue
		}
		seen[src.pkg] = true
		for _, spec := range src.ast.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			checkDriver(t, src, imported)
			ours, ok := strings.CutPrefix(imported, module)
			if !ok {
				continue
			}
			if ours == "gateway/app" && !slices.Contains(appOnly, src.pkg) {
				t.Errorf("%s imports gateway/app: only a main, apptest and bench may", src.file)
			}
			if slices.Contains(free, src.pkg) || strings.HasPrefix(src.pkg, "gateway/bench/") || strings.HasPrefix(src.pkg, "gateway/app/") {
				continue
			}
			r, ok := ruleFor(src.pkg)
			if !ok {
				t.Errorf("%s: package %s has no row in the table of layout_test.go", src.file, src.pkg)
				continue
			}
			if !slices.ContainsFunc(r.May, func(m string) bool { return covers(m, ours) }) {
				t.Errorf("%s imports %s: %s (%s may import %v)", src.file, ours, r.Reason, r.Pkg, r.May)
			}
		}
	}
	if len(seen) < 5 {
		t.Fatalf("only %d packages found: the check looks at the wrong folder", len(seen))
	}
}

func checkDriver(t *testing.T, src source, imported string) {
	for driver, may := range drivers {
		if imported != driver && (driver == "testing" || driver == "database/sql" || driver == "github.com/twilio/twilio-go" || !strings.HasPrefix(imported, driver)) {
			continue
		}
		if !slices.ContainsFunc(may, func(m string) bool { return covers(m, src.pkg) }) && !strings.HasPrefix(src.pkg, "gateway/bench") {
			t.Errorf("%s imports %s: only %v may", src.file, imported, may)
		}
	}
}

// TestFilesAreShort keeps every source file within 500 lines.
func TestFilesAreShort(t *testing.T) {
	for _, src := range sources(t) {
		if src.lines > 500 && long[src.file] == "" {
			t.Errorf("%s has %d lines; 500 is the most: cut it by what it owns", src.file, src.lines)
		}
	}
}

// TestPackagesSayWhatTheyAre wants exactly one package comment in every package.
func TestPackagesSayWhatTheyAre(t *testing.T) {
	comments := map[string]int{}
	for _, src := range sources(t) {
		if strings.HasSuffix(src.file, "_test.go") {
			continue
		}
		comments[src.pkg] += 0
		if src.ast.Doc != nil {
			comments[src.pkg]++
		}
	}
	for pkg, n := range comments {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", pkg, n)
		}
	}
}

// TestNoHiddenState forbids init functions: everything is wired where one can read it.
func TestNoHiddenState(t *testing.T) {
	for _, src := range sources(t) {
		for _, decl := range src.ast.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", src.file)
			}
		}
	}
}

func ruleFor(pkg string) (rule, bool) {
	for _, r := range rules {
		if covers(r.Pkg, pkg) {
			return r, true
		}
	}
	return rule{}, false
}

func covers(pattern, pkg string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == root || strings.HasPrefix(pkg, root+"/")
	}
	return pattern == pkg
}

// sources gives the files of the tree.
func sources(t *testing.T) []source {
	t.Helper()
	all, err := read()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// read reads the tree, once for all tests.
var read = sync.OnceValues(func() (all []source, err error) {
	fset := token.NewFileSet()
	err = filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		file, err := parser.ParseFile(fset, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		all = append(all, source{pkg: filepath.ToSlash(path.Dir(p)), file: p, ast: file, lines: fset.File(file.FileStart).LineCount()})
		return nil
	})
	return all, err
})
