package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Prices are checked whole, one list for each owner, and only for channels that its owner may use.
func TestPrices(t *testing.T) {
	w := newWorld(t)
	set := func(want int, token, path, body string) page[gateway.Price] {
		t.Helper()
		var list page[gateway.Price]
		into := any(&list)
		if want != 200 {
			into = nil
		}
		w.want(want, ask{method: "POST", path: path, token: token, body: body}, into)
		return list
	}
	const own, ops = "/api/v1/groups/berlin/prices", "/api/v1/prices"
	list := set(200, "berlin administrator", own, `{"set":[{"kind":"sms","country":"DE","currency":"EUR","micros":95000},{"kind":"sms","channel":"sms-shared","currency":"EUR","micros":0}]}`)
	if len(list.Items) != 2 || list.Items[0].Country != "DE" {
		t.Errorf("the list is %+v", list.Items)
	}
	if list = set(200, "berlin administrator", own, `{"set":[{"kind":"sms","country":"DE","currency":"EUR","micros":96000}],"remove":[{"kind":"sms","channel":"sms-shared"}]}`); len(list.Items) != 1 || list.Items[0].Micros != 96_000 {
		t.Errorf("the list is %+v", list.Items)
	}
	if list = set(200, "operator", ops, `{"replace":true,"set":[{"kind":"sms","currency":"USD","micros":1}]}`); len(list.Items) != 1 {
		t.Errorf("the operator's list is %+v", list.Items)
	}
	for _, wrong := range []string{
		`{"set":[{"kind":"sms","country":"de","currency":"EUR","micros":1}]}`, `{"set":[{"kind":"sms","currency":"euro","micros":1}]}`, `{"set":[{"kind":"sms","currency":"EUR","micros":-1}]}`,
		`{"set":[{"kind":"sms","currency":"EUR","micros":1000000001}]}`, `{"set":[{"kind":"sms","currency":"EUR","micros":0.5}]}`, `{"set":[{"kind":"sms","channel":"sms-none","currency":"EUR","micros":1}]}`,
		`{"set":[{"kind":"fax","currency":"EUR","micros":1}]}`, `{"set":[{"kind":"telegram","country":"DE","currency":"EUR","micros":1}]}`, `{"set":[{"kind":"telegram","channel":"sms-berlin","currency":"EUR","micros":1}]}`, `{"set":[{"kind":"sms","currency":"EUR","micros":1},{"kind":"sms","currency":"USD","micros":2}]}`,
	} {
		set(422, "berlin administrator", own, wrong)
	}
	set(422, "operator", ops, `{"set":[{"kind":"sms","channel":"sms-berlin","currency":"EUR","micros":1}]}`) // a group's
	set(403, "berlin author", own, `{}`)
	set(403, "berlin administrator", ops, `{}`)
	w.want(200, ask{method: "GET", path: own, token: "berlin viewer"}, &list)
	if len(list.Items) != 1 || list.Items[0].Micros != 96_000 {
		t.Errorf("after wrong requests the list is %+v", list.Items)
	}
}

// A budget belongs to the group: it is checked with it, and the month's spending shows it.
func TestBudgets(t *testing.T) {
	w := newWorld(t)
	put := func(want int, budget string) {
		t.Helper()
		w.want(want, ask{method: "PUT", path: "/api/v1/groups/berlin", token: "berlin administrator", body: `{"name":"B","locale":"de","zone":"Europe/Berlin","topics":[{"name":"reports"}],"budget":` + budget + `}`}, nil)
	}
	put(200, `{"currency":"EUR","soft_micros":1000000,"hard_micros":2000000,"hard_segments":50}`)
	var spend gateway.Spend
	w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/spend", token: "berlin viewer"}, &spend)
	if spend.Budget == nil || spend.Budget.Hard != 2_000_000 || spend.Budget.HardSegments != 50 || spend.Hard || spend.Segments != 0 {
		t.Errorf("spent: %+v", spend)
	}
	put(422, `{"soft_micros":1}`)
	put(422, `{"currency":"EUR","soft_micros":3,"hard_micros":2}`)
	put(422, `{"currency":"EUR","hard_micros":-1}`)
	put(200, `{}`)
	spend = gateway.Spend{}
	w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/spend", token: "berlin viewer"}, &spend)
	if spend.Budget != nil {
		t.Errorf("an empty budget is %+v", spend.Budget)
	}
}

// A document brings budgets, prices and what makes a channel ailing; what is exported is the same, and digests of those
// who use none of it stay as they were.
func TestApplyMoney(t *testing.T) {
	w := newWorld(t)
	const doc = `{"prices":[{"kind":"sms","country":"DE","currency":"EUR","micros":95000}],
	"groups":[{"slug":"oslo","name":"Oslo","locale":"nb","zone":"Europe/Oslo","topics":[{"name":"reports"}],"budget":{"currency":"NOK","hard_micros":500000000},
	 "prices":[{"kind":"sms","currency":"NOK","micros":590000},{"kind":"sms","country":"SE","currency":"NOK","micros":690000}],
	 "channels":[{"name":"sms-oslo","adapter":"sms","options":{"k":"v"},"trip":{"after":3,"within_minutes":5}}]}]}`
	items := func(what gateway.ApplyWhat) map[string]gateway.ApplyWhat {
		return map[string]gateway.ApplyWhat{"prices": what, "groups/oslo": what, "groups/oslo/channels/sms-oslo": what, "groups/oslo/prices": what}
	}
	w.wantApplied(applyAsk(doc, "?dry_run=true", "operator"), items(gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc, "", "operator"), items(gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc, "", "operator"), items(gateway.ApplySame))
	var d gateway.Document
	w.want(200, ask{method: "GET", path: "/api/v1/export", token: "operator"}, &d)
	i := len(d.Groups) - 1
	if g := d.Groups[i]; len(d.Prices) != 1 || g.Slug != "oslo" || g.Budget == nil || g.Budget.Hard != 500_000_000 || len(g.Prices) != 2 || g.Channels[0].Trip != (gateway.Trip{After: 3, Minutes: 5}) {
		t.Errorf("exported: %+v", d)
	}
	text, err := json.Marshal(d)
	must(t, err)
	for path, what := range w.applied(applyAsk(string(text), "", "operator")) {
		if what != gateway.ApplySame {
			t.Errorf("an export applied: %s is %s", path, what)
		}
	}
	must(t, w.store.SetPrices(t.Context(), gateway.ID{}, false, []gateway.Price{{Kind: "sms", Country: "KE", Currency: "EUR", Micros: 1}}))
	conflict := items(gateway.ApplySame)
	conflict["prices"] = gateway.ApplyConflict
	w.wantApplied(applyAsk(strings.Replace(doc, "95000", "96000", 1), "", "operator"), conflict)
	r := w.want(422, applyAsk(`{"prices":[{"kind":"sms","country":"Germany","currency":"EUR","micros":1},{"kind":"sms","currency":"EUR","micros":1},{"kind":"sms","currency":"USD","micros":1}]}`, "", "operator"), nil)
	if p := r.problem(t); len(p.Errors) != 2 || p.Errors[0].Path != "body.prices[0]" || p.Errors[1].Path != "body.prices" {
		t.Errorf("told: %+v", p.Errors)
	}
	if a, b := digestChannel(gateway.Channel{Adapter: "sms"}), digestChannel(gateway.Channel{Adapter: "sms", Trip: gateway.Trip{After: 1}}); string(a) == string(b) {
		t.Error("a channel's trip is not compared")
	}
}

// An incident ends by a check that passes, or by a person who insists; a pause may spare urgent messages.
func TestIncidentsAndPauses(t *testing.T) {
	w := newWorld(t)
	act := func(deed string, want int) reply {
		return w.want(want, ask{method: "POST", path: "/api/v1/groups/berlin/channels/sms-berlin/" + deed, token: "berlin administrator"}, nil)
	}
	view := func() gateway.ChannelView {
		var list page[gateway.ChannelView]
		w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/channels", token: "berlin viewer"}, &list)
		return list.Items[0]
	}
	strike := func() {
		if i, err := w.store.Strike(t.Context(), gateway.Strike{Channel: w.channel.ID, Delivery: gateway.NewID(), Trouble: gateway.TroubleFiltered, Code: "30007", After: 1, Within: time.Hour}); err != nil || i == nil {
			t.Fatalf("no incident: %v", err)
		}
	}
	act("pause?routine_only=true", 204)
	if h := view().Health; h.Paused != gateway.PauseManual || !h.RoutineOnly {
		t.Errorf("paused: %+v", h)
	}
	act("pause", 204)
	if h := view().Health; h.RoutineOnly {
		t.Errorf("paused whole: %+v", h)
	}
	strike()
	if i := view().Incident; i == nil || i.Code != "30007" || i.Told {
		t.Errorf("the incident is %+v", i)
	}
	w.fake.checked = gateway.CheckResult{Code: "30007", Detail: "still filtered"}
	if p := act("resume", 409).problem(t); !strings.Contains(p.Detail, "30007 still filtered") {
		t.Errorf("told: %s", p.Detail)
	}
	if v := view(); v.Incident == nil || v.Health.Paused != gateway.PauseManual {
		t.Errorf("a check that fails changed %+v", v)
	}
	act("resume?force=true", 204)
	if v := view(); v.Incident != nil || v.Health.Paused != "" {
		t.Errorf("forced: %+v", v)
	}
	strike()
	w.fake.checked = gateway.CheckResult{OK: true}
	act("resume", 204)
	if v := view(); v.Incident != nil {
		t.Errorf("resumed: %+v", v)
	}
	past, err := w.store.Incidents(t.Context(), w.channel.ID, 10)
	must(t, err)
	if len(past) != 2 || past[0].ClosedBy != "berlin administrator" {
		t.Errorf("kept: %+v", past)
	}
	act("check?routine_only=true", 422)
}
