package recur_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/recur"
)

// walk writes up to n wall times of a rule.
func walk(t *testing.T, text string, start, from, last civil.Wall, n int) string {
	t.Helper()
	rule, err := recur.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	budget := 1_000_000
	err = rule.Walk(start, from, last, &budget, func(w civil.Wall) bool {
		all = append(all, w.Fields().Format("20060102T1504"))
		return len(all) < n
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

// TestEqualToDateutil holds rules against an independent implementation, and that moving the start of a rule changes
// nothing: what comes from its tenth occurrence on is the same.
func TestEqualToDateutil(t *testing.T) {
	table, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		t.Fatal(err)
	}
	rules := 0
	for line := range strings.Lines(string(table)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		rules++
		head, rest, _ := strings.Cut(line, " ")
		rule, want, _ := strings.Cut(rest, " ")
		start, last := stamp(t, head), civil.At(2199, 12, 31, 23, 59, 59)
		if got := walk(t, rule, start, start, last, 25); got != want {
			t.Errorf("%s from %s:\n got %s\nwant %s", rule, head, got, want)
		}
		all := strings.Fields(want)
		if len(all) < 20 {
			continue
		}
		for _, i := range []int{1, 10, 19} {
			if got := walk(t, rule, start, stamp(t, all[i]+"00"), last, len(all)-i); got != strings.Join(all[i:], " ") {
				t.Errorf("%s from %s, asked from its occurrence %d:\n got %s\nwant %s", rule, head, i, got, strings.Join(all[i:], " "))
			}
		}
	}
	if rules < 400 {
		t.Errorf("only %d rules", rules)
	}
}

func stamp(t *testing.T, text string) civil.Wall {
	t.Helper()
	at, err := time.Parse("20060102T150405", text)
	if err != nil {
		t.Fatal(err)
	}
	return civil.Wall(at.Unix())
}

func TestWhatARuleLeavesToItsStart(t *testing.T) {
	start, last := civil.At(2026, 1, 6, 9, 0, 0), recur.Last
	for rule, want := range map[string]string{
		"FREQ=YEARLY;BYWEEKNO=20;COUNT=2":              "20260512T0900 20270518T0900", // the start's day of the week, where dateutil takes all seven
		"RRULE:freq=weekly;byday=tu;count=2;":          "20260106T0900 20260113T0900",
		"FREQ=DAILY;COUNT=2;RSCALE=GREGORIAN":          "20260106T0900 20260107T0900",
		"FREQ=MONTHLY;BYMONTHDAY=6,6,6;COUNT=2":        "20260106T0900 20260206T0900",
		"FREQ=WEEKLY;BYDAY=+1TU,TU;COUNT=2":            "20260106T0900 20260113T0900",
		"FREQ=HOURLY;INTERVAL=24;BYHOUR=5":             "", // rrule-go looks for it for ever
		"FREQ=MINUTELY;INTERVAL=1440;BYMINUTE=1":       "",
		"FREQ=HOURLY;INTERVAL=5;BYHOUR=9;COUNT=2":      "20260106T0900 20260111T0900",
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30":          "",
		"FREQ=DAILY;UNTIL=20260107":                    "20260106T0900 20260107T0900",
		"FREQ=DAILY;UNTIL=20260107T090000":             "20260106T0900 20260107T0900",
		"FREQ=DAILY;UNTIL=20260107T085959":             "20260106T0900",
		"FREQ=YEARLY;INTERVAL=300;BYHOUR=1;BYMINUTE=2": "23260106T0102",
	} {
		if got := walk(t, rule, start, start, last, 25); got != want {
			t.Errorf("%s: got %q, want %q", rule, got, want)
		}
	}
	if last != civil.At(2398, 12, 31, 23, 59, 59) {
		t.Errorf("the last wall time is %s", last)
	}
	if got := walk(t, "FREQ=DAILY", civil.At(1601, 1, 1, 0, 0, 0), civil.At(2026, 1, 1, 0, 0, 0), last, 1); got != "20260101T0000" {
		t.Error(got)
	}
}

func TestRefusedRules(t *testing.T) {
	for rule, why := range map[string]string{
		"FREQ=DAILY;INTERVAL=0": "from 1", "FREQ=DAILY;INTERVAL=-1": "from 1", "FREQ=DAILY;COUNT=0": "from 1", "FREQ=SECONDLY": "second",
		"FREQ=DAILY;FREQ=DAILY": "twice", "FREQ=DAILY;BYEASTER=1": "no such part", "FREQ=DAILY;X": "no part", "FREQ=DAILY;COUNT=": "no part",
		"FREQ=MONTHLY;BYMONTHDAY=0": "no 0", "FREQ=MONTHLY;BYDAY=0MO": "days", "FREQ=MONTHLY;BYDAY=M": "days", "FREQ=MONTHLY;BYDAY=": "no part", "FREQ=MONTHLY;BYDAY=99MO": "days",
		"FREQ=DAILY;BYHOUR=24": "from 0", "FREQ=DAILY;UNTIL=tomorrow": "date", "FREQ=HOURLY;BYSETPOS=1": "days and longer", "FREQ=DAILY;WKST=1MO": "one day",
		"FREQ=DAILY;RSCALE=HEBREW": "Gregorian", "FREQ=DAILY;INTERVAL=99999999999999999999": "from 1", "FREQ=DAILY;BYHOUR=" + strings.Repeat("1,", 1000) + "1": "longer",
	} {
		if _, err := recur.Parse(rule); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.50s: %v, want something about %q", rule, err, why)
		}
	}
	rule, err := recur.Parse("FREQ=DAILY;BYHOUR=9")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rule.Dates(); err != nil {
		t.Error(err)
	}
	if rule, err = recur.Parse("FREQ=HOURLY"); err != nil {
		t.Fatal(err)
	}
	if _, err := rule.Dates(); err == nil {
		t.Error("a whole day was allowed to repeat by the hour")
	}
}

// TestHostileRulesAreBounded asks for what never happens or never ends, and holds that each walk comes back: by its
// budget or because there is nothing.
func TestHostileRulesAreBounded(t *testing.T) {
	for _, text := range []string{
		"FREQ=MINUTELY", "FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;BYSETPOS=300", "FREQ=YEARLY;BYYEARDAY=366;INTERVAL=4;BYMONTH=1",
		"FREQ=DAILY;BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23;BYMINUTE=0,10,20,30,40,50", "FREQ=HOURLY;BYMONTHDAY=31;BYMONTH=4",
		"FREQ=MINUTELY;COUNT=10000000", "FREQ=MINUTELY;BYHOUR=3;BYMINUTE=0;BYDAY=MO;BYMONTHDAY=31;BYMONTH=6",
	} {
		rule, err := recur.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		began, budget, n := time.Now(), 100_000, 0
		err = rule.Walk(civil.At(2026, 1, 1, 0, 0, 0), 0, recur.Last, &budget, func(civil.Wall) bool { n++; return true })
		if errors.Is(err, recur.ErrTooMany) != (n > 0) || n > 100_000 {
			t.Errorf("%.60s: %v after %d", text, err, n)
		}
		t.Logf("%.60s: %d in %s", text, n, time.Since(began))
	}
}

// FuzzRule holds that no rule makes the parser panic or a walk hang, and that walks are in order.
func FuzzRule(f *testing.F) {
	for _, rule := range []string{"FREQ=WEEKLY;BYDAY=MO,-1FR", "FREQ=HOURLY;INTERVAL=24;BYHOUR=5", "FREQ=YEARLY;BYWEEKNO=53;BYSETPOS=-1;WKST=SU", "FREQ=MINUTELY;INTERVAL=7;UNTIL=20300101T000000Z", "FREQ=MONTHLY;BYYEARDAY=-1;COUNT=5"} {
		f.Add(rule, int64(1_767_258_000), int64(1_800_000_000))
	}
	f.Fuzz(func(t *testing.T, text string, start, from int64) {
		rule, err := recur.Parse(text)
		if err != nil {
			return
		}
		first, budget := civil.Wall(start%13e9), 1000
		last := first - 1
		_ = rule.Walk(first, civil.Wall(from%13e9), recur.Last, &budget, func(w civil.Wall) bool {
			if w <= last || w < first {
				t.Errorf("%q: %s after %s, from %s", text, w, last, first)
			}
			last = w
			return true
		})
	})
}
