package directory_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
)

// A coordinator exports her list from a spreadsheet: a byte order mark, semicolons, CRLF, a quoted line break.
func TestSpreadsheetExportBecomesMembers(t *testing.T) {
	s := &shelf{}
	file := "\ufeffRef;Name;Language;Fallback;Time zone;Phone;sms2;Telegram;Order;Neutral;Tags;Topics;Wording;consent-language;consent_time;Proof;x_remarks\r\n" +
		"a1;\"Bell; Ann\";pt-br;es|en;America/La_Paz;030 5550100;+44 7700 900101;700;telegram;yes;medic, north;reports alerts;join-2;pt;2026-01-31 18:30;\"paper form,\r\nsheet 4\";ask her\r\n" +
		"\r\n;;;;;;;;;;;;;;;;\r\n" +
		"a2;;;;;+44 7700 900102;;;;;;;;;;;\r\n"
	r := take(t, s, file, gateway.ImportOptions{Author: "ann's token"})
	if !r.Published || r.Rows != 2 || r.New != 2 || r.Asked != 1 || len(r.Problems) != 0 {
		t.Fatalf("report: %+v", r)
	}
	a := s.published[0]
	if a.Line != 2 || a.Member.Name.Reveal() != "Bell; Ann" || a.Member.Locale != "pt-BR" || a.Member.Zone != "America/La_Paz" || !a.Member.Neutral || a.KeepsNeutral {
		t.Errorf("member: %+v, name %s", a.Member, a.Member.Name.Reveal())
	}
	if got := fmt.Sprint(a.Member.Fallback, a.Member.Tags); got != "[es en] [medic north]" {
		t.Errorf("lists: %s", got)
	}
	var points []string
	for _, p := range a.Member.Points {
		points = append(points, p.Kind+" "+p.Address.Reveal()+" "+string(p.State))
	}
	if got := strings.Join(points, ", "); got != "telegram 700 active, sms +49305550100 active, sms +447700900101 active" {
		t.Errorf("points: %s", got)
	}
	if len(a.Consents) != 6 {
		t.Fatalf("%d pieces of evidence for three points and two topics", len(a.Consents))
	}
	c := a.Consents[0]
	if want := time.Date(2026, 1, 31, 22, 30, 0, 0, time.UTC); !c.At.Equal(want) || c.Proof.Reveal() != "paper form,\nsheet 4" || c.PointID != a.Member.Points[0].ID || c.Source != "import" || !c.Granted {
		t.Errorf("evidence: %+v at %v, proof %q", c, c.At, c.Proof.Reveal())
	}
	b := s.published[1]
	if b.Line != 6 || b.Member.Locale != "en" || b.Member.Zone != "Europe/Berlin" || b.Member.Points[0].State != gateway.PointUnconfirmed || b.Consents != nil || !b.KeepsNeutral {
		t.Errorf("the member without evidence: %+v", b)
	}
}

// Every way a row can be wrong is told by line and column, with what to do; nothing is published, and nothing quoted.
func TestEveryFlawIsToldAndNothingIsPublished(t *testing.T) {
	consent := ",reports,w,en,2026-01-01,form"
	none := ",,,,,"
	cases := []struct {
		row, column string
		flaw        gateway.ImportFlaw
	}{
		{"b1,,en,,+44,,,," + none[1:], "sms", gateway.FlawAddress},
		{"b2,,marzipan,,+447700900102,,,," + none[1:], "language", gateway.FlawLanguage},
		{"b3,,en,Berlin,+447700900103,,,," + none[1:], "zone", gateway.FlawZone},
		{"b4,,en,,+447700900104,,,,gossip,w,en,2026-01-01,form", "consent_topics", gateway.FlawTopic},
		{"b5,,en,,+447700900105,,,,reports,,en,2026-01-01,form", "consent_topics", gateway.FlawConsent},
		{"b6,,en,,+447700900106,,,,reports,w,en,soon,form", "consent_time", gateway.FlawConsent},
		{"b7,,en,,+447700900107,,,,reports,w,en,2031-01-01,form", "consent_time", gateway.FlawConsent},
		{"b8,Zo\x00e,en,,+447700900108,,,," + none[1:], "name", gateway.FlawControl},
		{"b9,\"Zo\ne\",en,,+447700900109,,,," + none[1:], "name", gateway.FlawControl},
		{"b9x,Zo\u202ee,en,,+447700900119,,,," + none[1:], "name", gateway.FlawControl},
		{"b10,,en,,+447700900110,,perhaps,," + none[1:], "neutral", gateway.FlawValue},
		{"b11,,en,,+447700900111,,,," + none[1:] + ",,surplus", "", gateway.FlawFields},
		{"b12,,en,,+447700900112|12345,,,," + none[1:], "sms", gateway.FlawAddress},
		{"b13,,en,,+447700900113| +44 7700 900113,,,," + none[1:], "sms", gateway.FlawAddress},
		{"b14,Ann \"Bell\",en,,+447700900114,,,," + none[1:], "", gateway.FlawQuotes},
		{"b15,en", "", gateway.FlawFields},
		{",Nobody,en,,,,,," + none[1:], "", gateway.FlawNobody},
		{"b17," + strings.Repeat("n", 101) + ",en,,,,,," + none[1:], "name", gateway.FlawTooLong},
		{"b18,,en,,,,,," + strings.Repeat(" ", 70_000), "", gateway.FlawTooLong},
		{"b19,,en,,,,," + strings.Repeat("t", 41) + "," + none[1:], "tags", gateway.FlawTag},
	}
	for _, c := range cases {
		t.Run(string(c.flaw)+" "+c.column, func(t *testing.T) {
			s := &shelf{}
			head := "ref,name,language,zone,sms,telegram,neutral,tags,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"
			good := "good,,en,,+447700900100,,," + consent + "\n"
			r := take(t, s, head+good+c.row+"\n"+strings.Replace(good, "good", "last", 1), gateway.ImportOptions{})
			if r.Published || r.Bad != 1 || r.Rows != 3 || r.New != 2 || s.published != nil || s.discards != 1 {
				t.Fatalf("report %+v, discarded %d times", r, s.discards)
			}
			p := r.Problems[0]
			if p.Line != 3 || p.Column != c.column || p.Flaw != c.flaw || p.Text == "" {
				t.Errorf("problem %+v", p)
			}
			if strings.Contains(p.Text, "7700") || strings.Contains(p.Text, "marzipan") {
				t.Errorf("the report quotes the file: %s", p.Text)
			}
		})
	}
}

func TestSkippingBadRowsPublishesTheGoodOnes(t *testing.T) {
	s := &shelf{stopped: "+447700900103"}
	r := take(t, s, "ref,sms\na,+447700900101\nb,nonsense\na,+447700900102\nc,+447700900103\n", gateway.ImportOptions{SkipBad: true})
	if !r.Published || r.New != 2 || r.Bad != 2 || r.Stopped != 1 || len(s.published) != 2 {
		t.Fatalf("report %+v", r)
	}
	var told []string
	for _, p := range r.Problems {
		told = append(told, fmt.Sprint(p.Line, " ", p.Flaw, " ", p.Note))
	}
	if got := strings.Join(told, "; "); got != "3 address false; 4 ref-twice false; 5 stop-stands true" {
		t.Errorf("in order of lines: %s", got)
	}
}

// Two people may share a telephone if the group tells them apart by ref; without refs the second is a duplicate.
func TestSharedAddresses(t *testing.T) {
	if r := take(t, &shelf{}, "ref,sms\na,+447700900101\nb,+447700900101\n", gateway.ImportOptions{}); !r.Published {
		t.Errorf("two refs: %+v", r)
	}
	r := take(t, &shelf{}, "sms\n+447700900101\n+44 7700 900101\n", gateway.ImportOptions{})
	if r.Published || r.Problems[0].Flaw != gateway.FlawDuplicate || !strings.Contains(r.Problems[0].Text, "line 2") {
		t.Errorf("no refs: %+v", r)
	}
}

func TestADryRunPublishesNothing(t *testing.T) {
	s := &shelf{}
	if r := take(t, s, "ref,sms\na,+447700900101\n", gateway.ImportOptions{DryRun: true}); r.Published || r.New != 1 || s.published != nil || s.discards != 1 {
		t.Errorf("report %+v", r)
	}
}

// What ends the reading of a file is told with its place, and publishes nothing even when bad rows may be skipped.
func TestFilesThatCannotBeRead(t *testing.T) {
	cases := []struct {
		name, file string
		flaw       gateway.ImportFlaw
		line       int
		says       string
	}{
		{"empty", "", gateway.FlawHeader, 1, "empty"},
		{"only a mark", "\ufeff", gateway.FlawHeader, 1, "empty"},
		{"latin-1", "ref,name\na,Zoe\nb,Zo\xeb\n", gateway.FlawEncoding, 3, "byte 20 of the file"},
		{"utf-16", "\xff\xfer\x00e\x00f\x00", gateway.FlawEncoding, 1, "UTF-16"},
		{"a quote never closed", "ref,name\na,\"Zoe\nb,Ann\n", gateway.FlawQuotes, 2, "never closed"},
		{"a quote that swallows much", "ref,name\na,\"Zoe\n" + strings.Repeat("b,Ann\n", 20_000), gateway.FlawQuotes, 2, "never closed"},
		{"an unknown column", "ref,sms,conset_topics\na,+447700900101,reports\n", gateway.FlawHeader, 1, "once its channel is there"},
		{"a column twice", "ref,sms,id\na,+447700900101,a\n", gateway.FlawHeader, 1, "column 1"},
		{"no header", "a1,+447700900101\n", gateway.FlawHeader, 1, "must name"},
		{"nothing to reach by", "name,language\nAnn,en\n", gateway.FlawHeader, 1, "must name"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := &shelf{}
			r := take(t, s, c.file, gateway.ImportOptions{SkipBad: true})
			last := gateway.ImportProblem{}
			for _, p := range r.Problems {
				if strings.Contains(p.Text, "7700") || strings.Contains(p.Column, "7700") {
					t.Errorf("the report quotes the file: %+v", p)
				}
				last = p
			}
			found := last.Flaw == c.flaw && last.Line == c.line && strings.Contains(last.Text, c.says)
			if !found || r.Published || !r.Unreadable || s.published != nil {
				t.Errorf("report %+v", r)
			}
		})
	}
}

// The code of a country, or a name, where a language's code should be: the report says which was likely meant.
func TestALanguageIsGuessedAt(t *testing.T) {
	r := take(t, &shelf{}, "ref,language,sms\na,UA,+447700900101\nb,German,+447700900102\nc,marzipan,+447700900103\nd,cn,+447700900104\ne,KR,+447700900105\nf,kr-NG,+447700900106\n", gateway.ImportOptions{})
	var told []string
	for _, p := range r.Problems {
		_, after, _ := strings.Cut(p.Text, "; ")
		told = append(told, after)
	}
	if got := strings.Join(told, " | "); got != "did you mean uk? | did you mean de? | use a BCP 47 tag such as en, pt-BR or zh-Hant | did you mean zh-Hans or zh-Hant? | did you mean ko? For Kanuri write kr-NG" {
		t.Error(got)
	}
}

// A file without a header is one mistake, not one for every field; several strange columns do not bring the list of all columns each.
func TestOneMistakeIsToldOnce(t *testing.T) {
	r := take(t, &shelf{}, "a1,Ann,en,+447700900101,medic\n", gateway.ImportOptions{})
	if len(r.Problems) != 1 || r.Problems[0].Column != "" || !strings.Contains(r.Problems[0].Text, "write such a line above the members, or rename those of your first line, with ref") {
		t.Errorf("no header: %+v", r.Problems)
	}
	r = take(t, &shelf{}, "ref,sms,nick,hobby\na,+447700900101,,\n", gateway.ImportOptions{})
	if len(r.Problems) != 2 || !strings.Contains(r.Problems[0].Text, "the columns are ref") || r.Problems[1].Column != "column 4" || len(r.Problems[1].Text) > 60 {
		t.Errorf("strange columns: %+v", r.Problems)
	}
}

// Whoever has no address can be asked nothing: the row is taken, the report says so, and does not count her among those to be asked.
func TestAMemberWithoutAnAddressIsToldOf(t *testing.T) {
	r := take(t, &shelf{}, "ref,sms\na,\nb,+447700900101\n", gateway.ImportOptions{})
	if !r.Published || r.New != 2 || r.Bad != 0 || r.Asked != 1 || len(r.Problems) != 1 || !r.Problems[0].Note || r.Problems[0].Line != 2 || !strings.Contains(r.Problems[0].Text, "no address") {
		t.Errorf("report %+v", r)
	}
}

func TestTheReportSpellsOutOnlyTheFirstThousand(t *testing.T) {
	r := take(t, &shelf{}, "ref,sms\n"+strings.Repeat("a,x\n", 2500), gateway.ImportOptions{})
	if len(r.Problems) != gateway.MaxImportProblems || r.Counts[gateway.FlawAddress] != 2500 || r.Bad != 2500 || r.Problems[999].Line != 1001 {
		t.Errorf("%d spelt out, %v counted", len(r.Problems), r.Counts)
	}
}

// The client hangs up in mid-file, or the store fails: nothing stays, and the caller is told.
func TestAnInterruptedImportLeavesNothing(t *testing.T) {
	rows := "ref,sms\n"
	for i := range 1200 {
		rows += fmt.Sprintf("m%d,+4477009%05d\n", i, i)
	}
	hungUp := errors.New("connection reset")
	s := &shelf{}
	_, err := newDirectory(s).Import(t.Context(), harbour, io.MultiReader(strings.NewReader(rows), failing{hungUp}), gateway.ImportOptions{})
	if !errors.Is(err, hungUp) || s.published != nil || s.staged != nil || s.discards != 1 {
		t.Errorf("client gone: %v, %d staged", err, len(s.staged))
	}
	s = &shelf{failAt: 2}
	if _, err := newDirectory(s).Import(t.Context(), harbour, strings.NewReader(rows), gateway.ImportOptions{}); err == nil || s.published != nil || s.discards != 1 {
		t.Errorf("store failed: %v", err)
	}
	s = &shelf{}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = newDirectory(s).Import(ctx, harbour, strings.NewReader(rows), gateway.ImportOptions{Progress: func(int) { cancel() }})
	if !errors.Is(err, context.Canceled) || s.published != nil || s.discards != 1 {
		t.Errorf("caller gone: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A hundred thousand rows go through in chunks of at most 500, and the heap stays as it was.
func TestALongFileTakesConstantMemory(t *testing.T) {
	s := &shelf{}
	pr, pw := io.Pipe()
	go func() {
		fmt.Fprintln(pw, "ref,name,language,zone,sms,tags,consent_topics,consent_wording,consent_language,consent_time,consent_proof")
		for i := range 100_000 {
			fmt.Fprintf(pw, "m%d,Ann,sw,Africa/Nairobi,+4477%08d,medic,reports,join-2,sw,2026-01-10T10:00:00Z,paper form\n", i, i)
		}
		pw.Close()
	}()
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak := uint64(0)
	count := 0
	discarding := directory.Parts{Imports: forgetful{s}, Kinds: func(gateway.ID) []string { return []string{"sms"} }, Parse: parse, Now: func() time.Time { return noon }}
	r, err := directory.New(discarding).Import(t.Context(), harbour, pr, gateway.ImportOptions{Progress: func(rows int) {
		if count++; count%50 == 0 {
			runtime.GC()
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapAlloc)
		}
	}})
	if err != nil || r.New != 100_000 || s.largest > 500 {
		t.Fatalf("%v, %d new, chunks of %d", err, r.New, s.largest)
	}
	if grown := int64(peak) - int64(before.HeapAlloc); grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
}

// forgetful stages without keeping.
type forgetful struct{ *shelf }

func (f forgetful) Stage(_ context.Context, _, _ gateway.ID, rows []gateway.StagedMember) ([]gateway.Staged, error) {
	f.largest = max(f.largest, len(rows))
	return make([]gateway.Staged, len(rows)), nil
}
