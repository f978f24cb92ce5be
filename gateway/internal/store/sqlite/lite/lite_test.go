package lite_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// file is a database with one table in WAL mode, as the ledger has it.
func file(t *testing.T) (path string, c *lite.Conn) {
	path = filepath.Join(t.TempDir(), "x.db")
	c = open(t, path)
	must(t, c.Exec("CREATE TABLE t (k INTEGER PRIMARY KEY, v, w TEXT UNIQUE)"))
	return path, c
}

func open(t *testing.T, path string) *lite.Conn {
	c, err := lite.Open(path, "journal_mode=wal")
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fault is SQLite's error behind err.
func fault(t *testing.T, err error) *lite.Error {
	t.Helper()
	var e *lite.Error
	if !errors.As(err, &e) {
		t.Fatalf("want an error of SQLite, got %v", err)
	}
	return e
}

// Every sort of value comes back as it went in, by its own binding and by Bind, with the type that the table shows.
func TestValuesComeBack(t *testing.T) {
	_, c := file(t)
	id := gateway.NewID()
	at := time.Date(2026, 3, 29, 2, 30, 0, 123_000, time.UTC)
	long := bytes.Repeat([]byte("0123456789abcdef"), 1<<13)
	for name, x := range map[string]struct {
		bind func(*lite.Stmt)
		arg  any
		sort string
		same func(*lite.Stmt) bool
	}{
		"an integer":    {func(s *lite.Stmt) { s.Int(1, -1<<62) }, int64(-1 << 62), "integer", func(s *lite.Stmt) bool { return s.ColInt(0) == -1<<62 }},
		"an int":        {func(s *lite.Stmt) { s.Int(1, 7) }, 7, "integer", func(s *lite.Stmt) bool { return s.ColInt(0) == 7 }},
		"true":          {func(s *lite.Stmt) { s.Bool(1, true) }, true, "integer", func(s *lite.Stmt) bool { return s.ColInt(0) == 1 }},
		"false":         {func(s *lite.Stmt) { s.Bool(1, false) }, false, "integer", func(s *lite.Stmt) bool { return s.ColInt(0) == 0 && !s.ColNull(0) }},
		"a text":        {func(s *lite.Stmt) { s.Text(1, "Grüße\x00 an alle") }, "Grüße\x00 an alle", "text", func(s *lite.Stmt) bool { return s.ColText(0) == "Grüße\x00 an alle" && s.ColWord(0) == s.ColText(0) }},
		"an empty text": {func(s *lite.Stmt) { s.Text(1, "") }, "", "text", func(s *lite.Stmt) bool { return s.ColText(0) == "" && !s.ColNull(0) }},
		"bytes":         {func(s *lite.Stmt) { s.Blob(1, []byte{0, 1, 255}) }, []byte{0, 1, 255}, "blob", func(s *lite.Stmt) bool { return bytes.Equal(s.ColBlob(0), []byte{0, 1, 255}) }},
		"no bytes":      {func(s *lite.Stmt) { s.Blob(1, []byte{}) }, []byte{}, "blob", func(s *lite.Stmt) bool { return len(s.ColBlob(0)) == 0 && !s.ColNull(0) }},
		"many bytes":    {func(s *lite.Stmt) { s.Blob(1, long) }, long, "blob", func(s *lite.Stmt) bool { return bytes.Equal(s.ColBlob(0), long) }},
		"nil bytes":     {func(s *lite.Stmt) { s.Blob(1, nil) }, []byte(nil), "null", func(s *lite.Stmt) bool { return s.ColNull(0) && s.ColBlob(0) == nil }},
		"nothing": {func(s *lite.Stmt) { s.Null(1) }, nil, "null", func(s *lite.Stmt) bool {
			return s.ColNull(0) && s.ColInt(0) == 0 && s.ColText(0) == "" && s.ColTime(0).IsZero() && s.ColID(0).IsZero()
		}},
		"an id":          {func(s *lite.Stmt) { s.ID(1, id) }, id, "blob", func(s *lite.Stmt) bool { return s.ColID(0) == id }},
		"the zero id":    {func(s *lite.Stmt) { s.ID(1, gateway.ID{}) }, gateway.ID{}, "null", func(s *lite.Stmt) bool { return s.ColNull(0) && s.ColID(0).IsZero() }},
		"a key of zeros": {func(s *lite.Stmt) { s.Key(1, [16]byte{}) }, make([]byte, 16), "blob", func(s *lite.Stmt) bool { return bytes.Equal(s.ColBlob(0), make([]byte, 16)) }},
		"a time":         {func(s *lite.Stmt) { s.Time(1, at) }, at, "integer", func(s *lite.Stmt) bool { return s.ColTime(0).Equal(at) }},
		"the zero time":  {func(s *lite.Stmt) { s.Time(1, time.Time{}) }, time.Time{}, "null", func(s *lite.Stmt) bool { return s.ColTime(0).IsZero() }},
		"a far year":     {func(s *lite.Stmt) { s.Time(1, at.AddDate(5000, 0, 0)) }, at.AddDate(5000, 0, 0), "integer", func(s *lite.Stmt) bool { return s.ColTime(0).Year() == 7026 }},
		"before 1970":    {func(s *lite.Stmt) { s.Time(1, time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)) }, time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC), "integer", func(s *lite.Stmt) bool { return s.ColTime(0).Year() == 1969 }},
	} {
		for way, bind := range map[string]func(*lite.Stmt){"bound": x.bind, "bound by Bind": func(s *lite.Stmt) { s.Bind(x.arg) }} {
			s := c.Once("SELECT ?1, typeof(?1)")
			bind(s)
			if !s.Step() {
				t.Fatalf("%s, %s: %v", name, way, s.Reset())
			}
			if s.ColText(1) != x.sort || !x.same(s) {
				t.Errorf("%s, %s: came back as %s %q", name, way, s.ColText(1), s.ColBlob(0)[:min(20, len(s.ColBlob(0)))])
			}
			if s.Step() {
				t.Errorf("%s: a second row", name)
			}
			must(t, s.Reset())
			s.Free()
		}
	}
}

func TestScan(t *testing.T) {
	_, c := file(t)
	want := gateway.NewID()
	s := c.Prepare("SELECT ?, 'text', 12, 1, 1700000000000000, x'0102', NULL").Bind(want)
	if !s.Step() {
		t.Fatal(s.Reset())
	}
	var id gateway.ID
	var text string
	var n int
	var yes bool
	var at time.Time
	var b, none []byte
	must(t, s.Scan(&id, &text, &n, &yes, &at, &b, &none))
	if id != want || text != "text" || n != 12 || !yes || at.Unix() != 1_700_000_000 || !bytes.Equal(b, []byte{1, 2}) || none != nil {
		t.Errorf("read %v %q %d %v %v %x %v", id, text, n, yes, at, b, none)
	}
	if err := s.Scan(new(float64)); err == nil {
		t.Error("a float was read, which the ledger has not")
	}
	s.Step()
	must(t, s.Reset())
	if !bytes.Equal(b, []byte{1, 2}) {
		t.Error("bytes that were scanned are gone with the row")
	}
}

// A statement is used again and again: with values longer and shorter than before, after errors, and after another
// connection changed the tables.
func TestAStatementServesAgain(t *testing.T) {
	path, c := file(t)
	s := c.Prepare("INSERT INTO t (k, v, w) VALUES (?,?,?)")
	if c.Prepare("INSERT INTO t (k, v, w) VALUES (?,?,?)") != s {
		t.Error("the same text was compiled twice")
	}
	if once := c.Once("INSERT INTO t (k, v, w) VALUES (?,?,?)"); once == s {
		t.Error("Once gave the statement that is kept")
	} else {
		once.Free()
	}
	for i, n := range []int{0, 3, 300, 70_000, 5, 200_000, 1} {
		must(t, s.Bind(i, strings.Repeat("x", n), strings.Repeat("y", i)).Run())
	}
	again := s.Bind(100, "other", "yy").Run()
	if e := fault(t, again); !e.Constraint() || e.Full() {
		t.Errorf("a value that must be unique: %v", again)
	}
	if strings.Contains(again.Error(), "other") || strings.Contains(again.Error(), "yy") {
		t.Errorf("the error quotes the row: %v", again)
	}
	must(t, s.Bind(100, "other", "z").Run())
	if c.Changes() != 1 {
		t.Errorf("one row was written, %d are counted", c.Changes())
	}
	other := open(t, path)
	must(t, other.Exec("ALTER TABLE t ADD COLUMN x DEFAULT 5"))
	must(t, s.Bind(101, "after", "zz").Run())
	read := c.Prepare("SELECT length(v) FROM t ORDER BY k")
	var lengths []int64
	for read.Step() {
		lengths = append(lengths, read.ColInt(0))
	}
	must(t, read.Reset())
	if want := []int64{0, 3, 300, 70_000, 5, 200_000, 1, 5, 5}; !slices.Equal(lengths, want) {
		t.Errorf("lengths %v, want %v", lengths, want)
	}
}

// Mistakes in the use of a statement are errors, not wrong rows.
func TestMisuse(t *testing.T) {
	_, c := file(t)
	s := c.Prepare("SELECT ?, ?")
	for name, bind := range map[string]func(){
		"one parameter too few":  func() { s.Bind(1) },
		"one too many":           func() { s.Bind(1, 2, 3) },
		"a sort that it has not": func() { s.Bind(1, 2.5) },
	} {
		bind()
		if s.Step() {
			t.Errorf("%s: it ran", name)
		}
		if s.Reset() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	must(t, s.Bind(1, 2).Run())
	s.Bind(1, 2)
	if !s.Step() {
		t.Fatal(s.Reset())
	}
	if err := s.Bind(3, 4).Reset(); err == nil {
		t.Error("values were bound between two rows")
	}
	must(t, s.Bind(1, 2).Run())

	bad := c.Prepare("SELECT a FROM nowhere WHERE x = ?")
	if bad.Bind(1).Step() || bad.Reset() == nil || bad.Run() == nil {
		t.Error("a statement that does not compile ran")
	}
	must(t, c.Exec("CREATE TABLE nowhere (a, x)"))
	must(t, c.Prepare("SELECT a FROM nowhere WHERE x = ?").Bind(1).Run()) // the failure was not kept
}

// Somebody else has the lock: the error says that it may work later, and then it does.
func TestBusy(t *testing.T) {
	path, c := file(t)
	other := open(t, path)
	must(t, c.Exec("BEGIN IMMEDIATE"))
	other.BusyTimeout(0)
	err := other.Exec("BEGIN IMMEDIATE")
	if e := fault(t, err); !e.Full() || !e.Locked() || e.Constraint() {
		t.Errorf("a locked file: %v", err)
	}
	if other.InTransaction() || !c.InTransaction() {
		t.Error("the wrong one is in a transaction")
	}
	begun := time.Now()
	other.BusyTimeout(50)
	if err := other.Exec("BEGIN IMMEDIATE"); err == nil {
		t.Error("two have the lock")
	}
	if waited := time.Since(begun); waited < 40*time.Millisecond {
		t.Errorf("it waited %v of 50 ms for the lock", waited)
	}
	must(t, c.Exec("COMMIT"))
	must(t, other.Exec("BEGIN IMMEDIATE"))
	must(t, other.Exec("INSERT INTO t (v) VALUES (1)"))
	must(t, other.Exec("COMMIT"))
}

// The disk is full (here: the file may not grow): nothing of the transaction stays, and after room is made it works.
func TestFull(t *testing.T) {
	_, c := file(t)
	must(t, c.Exec("PRAGMA max_page_count=20"))
	must(t, c.Exec("BEGIN IMMEDIATE"))
	insert := c.Prepare("INSERT INTO t (v) VALUES (?)")
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = insert.Bind(make([]byte, 4000)).Run()
	}
	if e := fault(t, err); !e.Full() || e.Constraint() {
		t.Fatalf("a full disk: %v", err)
	}
	if c.InTransaction() {
		must(t, c.Exec("ROLLBACK"))
	}
	must(t, c.Exec("PRAGMA max_page_count=1000"))
	must(t, insert.Bind(make([]byte, 4000)).Run())
	count := c.Prepare("SELECT COUNT(*) FROM t")
	if !count.Step() || count.ColInt(0) != 1 {
		t.Errorf("%d rows, want the one after the mending", count.ColInt(0))
	}
	must(t, count.Reset())
}

// Closing ends what is open: a half-read statement, a transaction. What was not committed is gone.
func TestCloseWithOpenStatements(t *testing.T) {
	path, c := file(t)
	must(t, c.Exec("INSERT INTO t (v) VALUES (1), (2)"))
	before := c.TotalChanges()
	must(t, c.Exec("BEGIN IMMEDIATE"))
	must(t, c.Exec("INSERT INTO t (v) VALUES (3)"))
	if c.TotalChanges() != before+1 {
		t.Errorf("%d rows counted", c.TotalChanges()-before)
	}
	if s := c.Prepare("SELECT v FROM t"); !s.Step() {
		t.Fatal(s.Reset())
	}
	must(t, c.Close())
	other := open(t, path)
	s := other.Prepare("SELECT COUNT(*) FROM t")
	if !s.Step() || s.ColInt(0) != 2 {
		t.Errorf("%d rows are left, want 2", s.ColInt(0))
	}
	must(t, s.Reset())
	must(t, other.Exec("INSERT INTO t (v) VALUES (4)")) // nobody has the lock
}

func TestPagesWritten(t *testing.T) {
	_, c := file(t)
	c.PagesWritten()
	if n := c.PagesWritten(); n != 0 {
		t.Errorf("nothing was written, %d pages are counted", n)
	}
	must(t, c.Prepare("INSERT INTO t (v) VALUES (?)").Bind(make([]byte, 40_000)).Run())
	if n := c.PagesWritten(); n < 10 || n > 20 {
		t.Errorf("a row of ten pages counts as %d", n)
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	_, err := lite.Open(t.TempDir())
	if e := fault(t, err); !e.Full() {
		t.Errorf("a folder instead of a file: %v", err)
	}
	if _, err := lite.Open(filepath.Join(t.TempDir(), "x.db"), "this is no pragma("); err == nil {
		t.Error("a pragma that is none was taken")
	}
}
