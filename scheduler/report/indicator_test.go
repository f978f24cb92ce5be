package report_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
	"github.com/carillon-gateway/carillon/scheduler/report"
)

// meals is an indicator of which files are handed in.
func meals() gateway.Indicator {
	return gateway.Indicator{Name: "meals", Titles: map[string]string{"en": "Meals"}, Source: "the kitchen", Spot: gateway.Spot{Column: "meals", Date: "day"}}
}

const address = "https://counts.example/secret.json"

func boats() gateway.Indicator {
	return gateway.Indicator{Name: "boats", Titles: map[string]string{"en": "Boats"}, Source: "the pier", Spot: gateway.Spot{Pointer: "/boats/0"}}.At(address)
}

func (w *world) reader() *report.Reader {
	return report.NewReader(w, w, func() time.Time { return w.now }, func(_ gateway.Series, err error) { w.t.Error(err) })
}

// told freezes an edition, gives what it tells of its first indicator, and withdraws it.
func (w *world) indicated() gateway.Indicated {
	w.t.Helper()
	number := w.written()
	e := w.take(number, 1, w.Freeze)
	w.take(number, 1, w.Withdraw)
	return *e.Figures[0].Indicated
}

// A source answers, says that nothing has changed, gives no number, and is silent. For a day its last number is told with its
// date; then the edition says that there is none, and since when. Nothing is ever made up.
func TestASourceThatFallsSilent(t *testing.T) {
	w := newWorld(t)
	s := w.make(gateway.Series{Indicators: []gateway.Indicator{boats()}})
	if s.Indicators[0].Host != "counts.example" {
		t.Errorf("its host is %q", s.Indicators[0].Host)
	}
	if i := w.indicated(); i.Gap != gateway.GapNever || i.Value != "" {
		t.Errorf("before anything was read: %+v", i)
	}
	read := func() gateway.Measure {
		t.Helper()
		_, err := w.reader().Read(t.Context())
		w.ok(err)
		return w.series["news"].Indicators[0].Measure
	}
	w.answers[address] = fetch.Answer{Body: []byte(`{"boats": [12]}`), Version: fetch.Version{ETag: `"1"`}}
	if m := read(); m.Value != "12" || m.Date != "2026-03-28" || m.Fault != "" {
		t.Fatalf("read: %+v", m)
	}
	if read(); len(w.asked) != 1 {
		t.Errorf("it was asked %d times within an hour", len(w.asked))
	}
	w.now = w.now.Add(25 * time.Hour)
	if m := read(); m.Date != "2026-03-29" || len(w.asked) != 2 || w.asked[1].ETag != `"1"` {
		t.Errorf("unchanged: %+v, asked %+v", m, w.asked)
	}
	w.fails = &fetch.StatusError{Code: 503, RetryAfter: 40 * time.Hour}
	w.now = w.now.Add(2 * time.Hour)
	if m := read(); !m.Mute || m.Value != "12" || strings.Contains(m.Fault, "secret") {
		t.Errorf("silent: %+v", m)
	}
	if next := w.series["news"].Next; next.Sub(w.now) != 6*time.Hour {
		t.Errorf("it is asked again after %v", next.Sub(w.now))
	}
	if i := w.indicated(); i.Value != "12" || i.Date != "2026-03-29" {
		t.Errorf("silent for a moment: %+v", i)
	}
	w.now = w.now.Add(25 * time.Hour)
	read()
	if i := w.indicated(); i.Value != "" || i.Gap != gateway.GapSilent || i.Date != "2026-03-29" {
		t.Errorf("silent for a day: %+v", i)
	}
	w.fails = nil
	w.answers[address] = fetch.Answer{Body: []byte(`<html>Log in</html>`)}
	w.now = w.now.Add(7 * time.Hour)
	if m := read(); m.Mute || m.Fault == "" || !m.Since.Equal(w.now) {
		t.Errorf("a page in its place: %+v", m)
	}
	if i := w.indicated(); i.Value != "" || i.Gap != gateway.GapNumber {
		t.Errorf("no number: %+v", i)
	}
	w.answers[address] = fetch.Answer{Body: []byte(`{"boats": [13.50]}`)}
	w.now = w.now.Add(time.Hour)
	read()
	if i := w.indicated(); i.Value != "13.50" || i.Gap != gateway.GapNone {
		t.Errorf("well again: %+v", i)
	}
	w.now = w.now.Add((gateway.IndicatorStale + 3) * 24 * time.Hour) // nobody has asked since
	if i := w.indicated(); i.Value != "" || i.Gap != gateway.GapStale || i.Date == "" {
		t.Errorf("too old: %+v", i)
	}
}

// The address of an indicator is kept when the series is written without it; what was read elsewhere is not told for it. What
// somebody hands in while an address is asked is not lost.
func TestWhatIsKeptOfIndicators(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{Indicators: []gateway.Indicator{boats(), meals()}})
	w.answers[address] = fetch.Answer{Body: []byte(`{"boats": [12], "all": 99}`)}
	handed := false
	w.fetched = func() {
		_, err := w.HandIn(t.Context(), w.group, "news", nil, []byte("meals,day\n412,2026-03-28\n"))
		w.ok(err)
		handed = true
	}
	_, err := w.reader().Read(t.Context())
	w.ok(err)
	if all := w.series["news"].Indicators; !handed || all[0].Measure.Value != "12" || all[1].Measure.Value != "412" {
		t.Fatalf("read and handed in at once: %+v", all)
	}
	again := boats()
	again.URL, again.Titles = "", map[string]string{"en": "Boats in the harbour"}
	s := w.make(gateway.Series{Indicators: []gateway.Indicator{again}})
	if i := s.Indicators[0]; i.URL != address || i.Measure.Value != "12" || i.Titles["en"] != "Boats in the harbour" {
		t.Errorf("written anew: %+v", i)
	}
	again.Pointer = "/all"
	if s = w.make(gateway.Series{Indicators: []gateway.Indicator{again}}); s.Indicators[0].Measure.Value != "" || s.Next.IsZero() {
		t.Errorf("read elsewhere: %+v", s.Indicators[0])
	}
	_, err = w.HandIn(t.Context(), w.group, "news", nil, []byte("meals,day\n412,2026-03-28\n"))
	w.refused(err, gateway.CodeConflict)
	_, err = w.HandIn(t.Context(), w.group, "news", []string{"boats"}, []byte("{}"))
	w.refused(err, gateway.CodeInvalid)
}

func TestIndicatorsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for what, spoil := range map[string]func(*gateway.Indicator){
		"name":    func(i *gateway.Indicator) { i.Name = "A" },
		"title":   func(i *gateway.Indicator) { i.Titles = nil },
		"source":  func(i *gateway.Indicator) { i.Source = "" },
		"unit":    func(i *gateway.Indicator) { i.Unit = strings.Repeat("m", 21) },
		"both":    func(i *gateway.Indicator) { i.Column = "boats" },
		"pointer": func(i *gateway.Indicator) { i.Pointer = "boats" },
		"deep":    func(i *gateway.Indicator) { i.Pointer = strings.Repeat("/a", 60) },
		"row":     func(i *gateway.Indicator) { i.Row = "total" },
		"stale":   func(i *gateway.Indicator) { i.Stale = 1000 },
		"address": func(i *gateway.Indicator) { i.URL = "file:///etc/passwd" },
		"user":    func(i *gateway.Indicator) { i.URL = "https://me:secret@counts.example/" },
	} {
		i := boats()
		spoil(&i)
		_, _, err := w.Put(t.Context(), w.group, gateway.Series{Name: "news", Title: "News", Topic: "reports", Indicators: []gateway.Indicator{i}})
		if w.refused(err, gateway.CodeInvalid); strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, _, err := w.Put(t.Context(), w.group, gateway.Series{Name: "news", Title: "News", Topic: "reports", Indicators: []gateway.Indicator{boats(), boats()}})
	w.refused(err, gateway.CodeInvalid)
}

// Files as people and programs write them, and as nobody should.
func TestNumbersInFiles(t *testing.T) {
	w := newWorld(t)
	csv := func(column, row, date string) gateway.Spot { return gateway.Spot{Column: column, Row: row, Date: date} }
	json := func(pointer, date string) gateway.Spot { return gateway.Spot{Pointer: pointer, Date: date} }
	for _, c := range []struct {
		spot              gateway.Spot
		file, value, date string // no value: it is refused
	}{
		{csv("meals", "", "day"), "day,meals\n2026-03-27,412\n2026-03-28,420\n\n", "420", "2026-03-28"},
		{csv("meals", "", ""), "\ufeffday;meals\r\n2026-03-27; 412 \r\n", "412", "2026-03-28"},
		{csv("sum, all", "2026-03-27", ""), "day,\"sum, all\"\n2026-03-27,\"-1.5\"\n2026-03-28,2\n", "-1.5", "2026-03-28"},
		{csv("meals", "", ""), "day,meals\n1,\"1,234\"\n", "", ""},
		{csv("meals", "", ""), "day,meals\n1,12 EUR\n", "", ""},
		{csv("meals", "", ""), "day,meals\n", "", ""},
		{csv("meals", "", ""), "day,meals\n1\n", "", ""},
		{csv("meals", "", ""), "meals,meals\n1,2\n", "", ""},
		{csv("meals", "a", ""), "day,meals\na,1\na,2\n", "", ""},
		{csv("meals", "", ""), "day,dishes\n1,2\n", "", ""},
		{csv("meals", "", "day"), "day,meals\n28.3.2026,2\n", "", ""},
		{csv("meals", "", ""), "day,meals\n\"1,2\n", "", ""},
		{csv("meals", "", ""), strings.Repeat("x,", 2000) + "meals\n1\n", "", ""},
		{csv("meals", "", ""), "", "", ""},
		{csv("meals", "", ""), "meals\nNaN\n", "", ""},
		{csv("meals", "", ""), "meals\n0x10\n", "", ""},
		{csv("meals", "", ""), "meals\n1e3\n", "", ""},
		{csv("meals", "", ""), "meals\n" + strings.Repeat("9", 30) + "\n", "", ""},
		{json("/a/0/b", "/at"), `{"a":[{"b":12.50}],"at":"2026-03-27T10:00:00Z"}`, "12.50", "2026-03-27"},
		{json("/a~1b/m~0n", ""), `{"a/b":{"m~n":"7"}}`, "7", "2026-03-28"},
		{json("/a", ""), `{"a":1.5e3}`, "1500", "2026-03-28"},
		{json("/a", ""), `{"a":25E-2}`, "0.25", "2026-03-28"},
		{json("/a", ""), `{"a":1e400}`, "", ""},
		{json("/a", ""), `{"a":1e-9}`, "", ""},
		{json("/a", ""), `{"a":null}`, "", ""},
		{json("/a", ""), `{"a":true}`, "", ""},
		{json("/a", ""), `{"a":[1]}`, "", ""},
		{json("/a/01", ""), `{"a":[1,2]}`, "", ""},
		{json("/a/-", ""), `{"a":[1,2]}`, "", ""},
		{json("/a/99999999999999999999", ""), `{"a":[1,2]}`, "", ""},
		{json("/a/b", ""), `{"a":1}`, "", ""},
		{json("/b", ""), `{"a":1}`, "", ""},
		{json("/a", "/a"), `{"a":1}`, "", ""},
		{json("/a", ""), `{"a":1}{"a":2}`, "", ""},
		{json("/a", ""), `<html>`, "", ""},
		{json("/a", ""), strings.Repeat("[", 100_000), "", ""},
		{json("/a", ""), `{"a":1,"b":"` + strings.Repeat("x", report.MaxSource) + `"}`, "", ""},
	} {
		i := meals()
		i.Spot = c.spot
		w.make(gateway.Series{Indicators: []gateway.Indicator{i}})
		s, err := w.HandIn(t.Context(), w.group, "news", nil, []byte(c.file))
		shown := c.file[:min(len(c.file), 60)]
		if c.value == "" {
			if err == nil {
				t.Errorf("%q at %+v was taken as %+v", shown, c.spot, s.Indicators[0].Measure)
			}
			continue
		}
		if err != nil || s.Indicators[0].Measure.Value != c.value || s.Indicators[0].Measure.Date != c.date {
			t.Errorf("%q at %+v: %v, %+v", shown, c.spot, err, s.Indicators)
		}
	}
}

// Whatever a source holds, reading it ends, and what it gives is a number or a refusal that quotes nothing of it.
func FuzzSource(f *testing.F) {
	f.Add([]byte("day,meals\n2026-03-27,412\n"), false)
	f.Add([]byte(`{"boats":[12]}`), true)
	f.Fuzz(func(t *testing.T, file []byte, pointer bool) {
		spot := gateway.Spot{Column: "meals"}
		if pointer {
			spot = gateway.Spot{Pointer: "/boats/0"}
		}
		value, _, err := report.Find(file, spot)
		if err == nil && (len(value) > 24 || strings.ContainsAny(value, "eE+ ,")) {
			t.Errorf("the number is %q", value)
		}
		if err != nil && len(file) > 60 && bytes.Contains(file, []byte(err.Error())) {
			t.Errorf("the refusal quotes its source: %v", err)
		}
	})
}

// hanging is a fetcher whose addresses do not answer before the last one was asked, but for that one.
type hanging struct {
	last  string
	asked chan struct{}
}

func (h hanging) Get(ctx context.Context, address string, _ fetch.Version) (fetch.Answer, error) {
	if address == h.last {
		close(h.asked)
		return fetch.Answer{Body: []byte(`{"boats": [12]}`)}, nil
	}
	select {
	case <-h.asked:
	case <-ctx.Done():
	}
	return fetch.Answer{}, context.DeadlineExceeded
}

// Sources that hang do not make one silent that answers.
func TestSourcesThatHang(t *testing.T) {
	w := newWorld(t)
	var all []gateway.Indicator
	for _, name := range []string{"one", "two", "three", "four", "five", "boats"} {
		i := boats().At(gateway.Private("https://" + name + ".example/"))
		i.Name = name
		all = append(all, i)
	}
	w.make(gateway.Series{Indicators: all})
	r := report.NewReader(w, hanging{"https://boats.example/", make(chan struct{})}, func() time.Time { return w.now }, func(_ gateway.Series, err error) { t.Error(err) })
	_, err := r.Read(t.Context())
	w.ok(err)
	for n, i := range w.series["news"].Indicators {
		if good := n == 5; i.Measure.Mute == good || (i.Measure.Value == "12") != good {
			t.Errorf("%s: %+v", i.Name, i.Measure)
		}
	}
}
