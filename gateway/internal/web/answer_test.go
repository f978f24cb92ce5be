package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

// asker holds one alert, of which one member was told and asked.
type asker struct {
	st       *stage
	alert    gateway.AlertCase
	member   gateway.Member
	delivery gateway.ID
	key      string
	taken    []string
	broken   error
}

func (a *asker) Alert(_ context.Context, group, id gateway.ID) (gateway.AlertCase, error) {
	if group != a.alert.GroupID || id != a.alert.ID {
		return gateway.AlertCase{}, gateway.ErrNotFound
	}
	return a.alert, nil
}

func (a *asker) Broadcast(context.Context, gateway.ID, gateway.ID) (gateway.Broadcast, error) {
	return gateway.Broadcast{Key: a.key}, nil
}

func (a *asker) Deliveries(context.Context, gateway.DeliveryFilter) ([]gateway.Delivery, error) {
	return nil, nil
}

func (a *asker) Delivery(_ context.Context, group, id gateway.ID) (gateway.Delivery, error) {
	a.st.takes()
	if group != a.alert.GroupID || id != a.delivery {
		return gateway.Delivery{}, gateway.ErrNotFound
	}
	return gateway.Delivery{ID: id, GroupID: group, MemberID: a.member.ID, BroadcastID: gateway.NewID()}, nil
}

func newAsker(t *testing.T, locale string) *asker {
	st := newStage(t)
	a := &asker{st: st, delivery: gateway.NewID(), alert: gateway.AlertCase{ID: gateway.NewID(), GroupID: st.group.ID, Reference: "4711"}}
	a.member = st.enrol(func(m *gateway.Member) { m.Locale = locale }, "email:"+mail)
	a.key = gateway.AlertAskedKey(a.alert.ID) + "1"
	o := st.pages.Options
	o.Sent = a
	o.Answering = web.Answering{Alerts: a, Broadcasts: a,
		Seal: func(kind, value string) []byte { return []byte((kind + value + strings.Repeat("x", 200))[40:80]) },
		Answer: func(_ context.Context, g gateway.Group, m gateway.Member, alert gateway.ID, answer gateway.AlertAnswer, once string) (string, error) {
			if g.ID != st.group.ID || m.ID != a.member.ID || alert != a.alert.ID || once == "" {
				t.Errorf("an answer of %s of %s to %s", m.ID, g.ID, alert)
			}
			a.taken = append(a.taken, string(answer))
			return "We know <" + string(answer) + ">", a.broken
		}}
	var err error
	st.pages, err = web.New(o)
	st.ok(err)
	return a
}

func (a *asker) get(t *testing.T, address string) (int, string) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, read(t, r)
}

// A link opens a page without script on which she says that she takes charge, or how she is. Opening it, as programs that look
// into mail do, changes nothing and shows nothing of the alert; nobody makes up a link, and a form of another page is refused.
func TestAnAlertIsAnsweredOnAPage(t *testing.T) {
	a := newAsker(t, "ar")
	link := a.st.pages.AnswerLink(a.st.group.ID, a.delivery)
	for range 3 {
		code, page := a.get(t, link)
		if code != http.StatusOK || !strings.Contains(page, "4711") || !strings.Contains(page, `dir="rtl"`) || strings.Contains(page, "<script") || strings.Count(page, "<form") != 3 {
			t.Fatalf("%d: %s", code, page)
		}
	}
	if len(a.taken) != 0 {
		t.Fatalf("opening the page said %v", a.taken)
	}
	_, page := a.get(t, link)
	form := formIn(t, page)
	say := func(values url.Values) (int, string) {
		t.Helper()
		r, err := http.PostForm(link, values)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, read(t, r)
	}
	if code, _ := say(url.Values{"do": {"take"}, "form": {"x"}}); code != http.StatusForbidden || len(a.taken) != 0 {
		t.Errorf("a foreign form: %d, %v", code, a.taken)
	}
	if code, _ := say(url.Values{"do": {"all"}, "form": {form}}); code != http.StatusBadRequest || len(a.taken) != 0 {
		t.Errorf("no answer: %d, %v", code, a.taken)
	}
	for _, answer := range gateway.AlertAnswers {
		if code, page := say(url.Values{"do": {string(answer)}, "form": {form}}); code != http.StatusOK || !strings.Contains(page, "We know &lt;"+string(answer)+"&gt;") {
			t.Errorf("%s: %d, %s", answer, code, page)
		}
	}
	if strings.Join(a.taken, " ") != "take safe help" {
		t.Errorf("%v", a.taken)
	}
	a.key = gateway.AlertToldKey(a.alert.ID) + "s/tell"
	if _, page = a.get(t, link); strings.Count(page, "<form") != 2 || strings.Contains(page, `value="take"`) {
		t.Errorf("whom nobody asked to take charge is offered it: %s", page)
	}
	if code, _ := say(url.Values{"do": {"take"}, "form": {form}}); code != http.StatusBadRequest || len(a.taken) != 3 {
		t.Errorf("she takes charge all the same: %d", code)
	}
	if strings.Contains(page, "تمرين") {
		t.Errorf("an actual alert calls itself an exercise: %s", page)
	}
	a.alert.Exercise = true
	if _, page = a.get(t, link); !strings.Contains(page, "تمرين. هذا ليس إنذارًا حقيقيًا.") {
		t.Errorf("an exercise does not say that it is one: %s", page)
	}
	a.broken = errors.New("the ledger does not answer")
	if code, _ := say(url.Values{"do": {"safe"}, "form": {form}}); code != http.StatusServiceUnavailable {
		t.Errorf("what was not taken is answered %d", code)
	}
}

// A link that was cut, changed or made up, one of another message, and one whose member is gone are answered alike, no sooner
// than any other.
func TestALinkOfAnAlertIsNotMadeUp(t *testing.T) {
	a := newAsker(t, "en")
	good := a.st.pages.AnswerLink(a.st.group.ID, a.delivery)
	gone := func(link string) {
		t.Helper()
		a.st.waited = nil
		if code, page := a.get(t, link); code != http.StatusNotFound || !strings.Contains(page, "This link does not work") || len(a.st.waited) != 1 || a.st.waited[0] > 150*time.Millisecond {
			t.Errorf("%d, %v: %s", code, a.st.waited, page)
		}
	}
	token := good[strings.LastIndex(good, "/")+1:]
	gone(strings.TrimSuffix(good, token[60:]))
	gone(good + "A")
	gone(a.st.pages.AnswerLink(a.st.group.ID, gateway.NewID()))
	swapped := "B"
	if token[0] == 'B' {
		swapped = "C"
	}
	gone(strings.Replace(good, token, swapped+token[1:], 1))
	a.key = "reports/1"
	gone(good)
	a.key = gateway.AlertAskedKey(a.alert.ID) + "1"
	a.st.ok(a.st.s.Erase(t.Context(), a.st.group.ID, a.member.ID))
	gone(good)
}

func read(t *testing.T, r *http.Response) string {
	t.Helper()
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// formIn gives the token of a page's forms.
func formIn(t *testing.T, page string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `name="form" value="`)
	token, _, _ := strings.Cut(rest, `"`)
	if !ok || token == "" {
		t.Fatalf("no form: %s", page)
	}
	return token
}
