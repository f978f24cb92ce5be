package api

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

const coalition = `{
  "groups": [{
    "slug": "oslo", "name": "Oslo", "locale": "nb", "zone": "Europe/Oslo", "topics": [{"name": "reports"}, {"name": "alerts"}],
    "channels": [{"name": "sms-oslo", "adapter": "sms", "options": {"auth_token": "s3cr3t-oslo"}}],
    "wordings": {"welcome-oslo": {"nb": "Velkommen."}}
  }],
  "channels": [{"name": "sms-all", "adapter": "sms", "groups": ["oslo"], "options": {"auth_token": "s3cr3t-all"}}]
}`

func applyAsk(document, query, token string) ask {
	return ask{method: "POST", path: "/api/v1/apply" + query, token: token, body: document}
}

// applied gives what became of each item, by its path.
func (w *world) applied(a ask) map[string]gateway.ApplyWhat {
	w.t.Helper()
	var report gateway.ApplyReport
	w.want(200, a, &report)
	all := map[string]gateway.ApplyWhat{}
	for _, item := range report.Items {
		all[item.Path] = item.What
		if item.What == gateway.ApplyConflict && item.Why == "" {
			w.t.Errorf("%s is a conflict, and why is not said", item.Path)
		}
	}
	return all
}

func (w *world) wantApplied(a ask, want map[string]gateway.ApplyWhat) {
	w.t.Helper()
	got := w.applied(a)
	for path, what := range want {
		if got[path] != what {
			w.t.Errorf("%s: %q, want %q", path, got[path], what)
		}
	}
	if len(got) != len(want) {
		w.t.Errorf("items %v, want %v", got, want)
	}
}

func all(what gateway.ApplyWhat) map[string]gateway.ApplyWhat {
	return map[string]gateway.ApplyWhat{"groups/oslo": what, "groups/oslo/channels/sms-oslo": what, "groups/oslo/wordings/welcome-oslo": what, "channels/sms-all": what}
}

// A coalition is seeded from its document: first looked at, then made. Applying it again changes nothing, and so does
// applying what export gives back.
func TestApplySeedsACoalition(t *testing.T) {
	w := newWorld(t)
	w.wantApplied(applyAsk(coalition, "?dry_run=true", "operator"), all(gateway.ApplyCreate))
	if _, err := w.store.Group(t.Context(), "oslo"); err == nil {
		t.Fatal("a dry run made a group")
	}
	w.wantApplied(applyAsk(coalition, "", "operator"), all(gateway.ApplyCreate))
	w.wantApplied(applyAsk(coalition, "", "operator"), all(gateway.ApplySame))
	var exported gateway.Document
	r := w.want(200, ask{method: "GET", path: "/api/v1/export", token: "operator"}, &exported)
	if strings.Contains(string(r.body), "s3cr3t") || strings.Contains(string(r.body), memberName) {
		t.Errorf("an export holds secrets or members: %s", r.body)
	}
	if strings.Contains(string(r.body), "berlin") {
		t.Errorf("the operator exports a group that has an administrator: %s", r.body)
	}
	again := w.applied(applyAsk(string(r.body), "", "operator"))
	if len(again) != 6 { // lhasa and sms-shared were there before
		t.Errorf("an export applied: %v", again)
	}
	for path, what := range again {
		if what != gateway.ApplySame {
			t.Errorf("an export applied: %s is %s", path, what)
		}
	}
}

// The document changes: so does what it wrote. People change something: their change stands, item by item, until told
// to overwrite.
func TestApplyRespectsWhatPeopleChanged(t *testing.T) {
	w := newWorld(t)
	w.applied(applyAsk(coalition, "", "operator"))
	changed := strings.NewReplacer(`"Oslo"`, `"Oslo og omegn"`, "Velkommen.", "Hei.", "s3cr3t-oslo", "s3cr3t-new").Replace(coalition)
	want := all(gateway.ApplyChange)
	want["channels/sms-all"] = gateway.ApplySame
	w.wantApplied(applyAsk(changed, "?dry_run=true", "operator"), want)
	w.wantApplied(applyAsk(changed, "", "operator"), want)
	w.wantApplied(applyAsk(changed, "", "operator"), all(gateway.ApplySame))

	oslo, err := w.store.Group(t.Context(), "oslo")
	must(t, err)
	if oslo.Name != "Oslo og omegn" {
		t.Errorf("the name is %q", oslo.Name)
	}
	w.want(200, ask{method: "PUT", path: "/api/v1/groups/oslo/wordings/welcome-oslo", token: "operator", body: map[string]any{"sources": map[string]string{"nb": "God dag."}}}, nil)
	conflict := want
	conflict["groups/oslo/wordings/welcome-oslo"] = gateway.ApplyConflict
	w.wantApplied(applyAsk(coalition, "", "operator"), conflict) // the others go back to the first document
	words := func() string {
		all, err := w.store.Wordings(t.Context(), oslo.ID)
		must(t, err)
		return all["welcome-oslo"]["nb"]
	}
	if words() != "God dag." {
		t.Errorf("people's words were overwritten: %q", words())
	}
	w.applied(applyAsk(coalition, "?overwrite=true", "operator"))
	if words() != "Velkommen." {
		t.Errorf("overwrite did not: %q", words())
	}
	w.wantApplied(applyAsk(coalition, "", "operator"), all(gateway.ApplySame))
}

// What people had made before the first apply is theirs too, unless it is the same already.
func TestApplyOverWhatWasThere(t *testing.T) {
	w := newWorld(t)
	lhasa := func(name string) string {
		return `{"groups":[{"slug":"lhasa","name":"` + name + `","locale":"de","zone":"Europe/Berlin","region":"GB","topics":[{"name":"reports"}]}]}`
	}
	w.wantApplied(applyAsk(lhasa("Other"), "", "operator"), map[string]gateway.ApplyWhat{"groups/lhasa": gateway.ApplyConflict})
	w.wantApplied(applyAsk(lhasa("LHASA"), "", "operator"), map[string]gateway.ApplyWhat{"groups/lhasa": gateway.ApplySame})
	w.wantApplied(applyAsk(lhasa("Other"), "", "operator"), map[string]gateway.ApplyWhat{"groups/lhasa": gateway.ApplyChange})
}

// A group with an administrator is applied by her and not by the operator; she cannot apply another's, nor the
// operator's channels, and learns nothing of them.
func TestApplyKeepsToItsOwn(t *testing.T) {
	w := newWorld(t)
	of := func(slug string) string {
		return `{"groups":[{"slug":"` + slug + `","name":"Renamed","locale":"de","zone":"UTC","channels":[{"name":"sms-x-` + slug + `","adapter":"sms"}]}]}`
	}
	conflict := map[string]gateway.ApplyWhat{"groups/berlin": gateway.ApplyConflict, "groups/berlin/channels/sms-x-berlin": gateway.ApplyConflict}
	w.wantApplied(applyAsk(of("berlin"), "?overwrite=true", "operator"), conflict)
	w.wantApplied(applyAsk(of("berlin"), "?overwrite=true", "nairobi administrator"), conflict)
	var existing, missing gateway.ApplyReport
	w.want(200, applyAsk(of("lhasa"), "", "nairobi administrator"), &existing)
	w.want(200, applyAsk(of("hanoi"), "", "nairobi administrator"), &missing)
	for i := range existing.Items {
		if existing.Items[i].Why != missing.Items[i].Why || existing.Items[i].What != missing.Items[i].What {
			t.Errorf("a stranger can tell a group from none: %+v, %+v", existing.Items[i], missing.Items[i])
		}
	}
	w.wantApplied(applyAsk(of("berlin"), "?overwrite=true", "berlin administrator"), map[string]gateway.ApplyWhat{"groups/berlin": gateway.ApplyChange, "groups/berlin/channels/sms-x-berlin": gateway.ApplyCreate})
	w.wantApplied(applyAsk(`{"channels":[{"name":"sms-shared","adapter":"sms","senders":5}]}`, "?overwrite=true", "berlin administrator"), map[string]gateway.ApplyWhat{"channels/sms-shared": gateway.ApplyConflict})
	w.wantApplied(applyAsk(`{"groups":[{"slug":"delhi","name":"Delhi","locale":"hi","zone":"Asia/Kolkata","channels":[{"name":"sms-shared","adapter":"sms"},{"name":"sms-berlin","adapter":"sms"}]}]}`, "", "operator"),
		map[string]gateway.ApplyWhat{"groups/delhi": gateway.ApplyCreate, "groups/delhi/channels/sms-shared": gateway.ApplyConflict, "groups/delhi/channels/sms-berlin": gateway.ApplyConflict})
	w.want(403, applyAsk(of("berlin"), "", "berlin author"), nil)
}

// A document with anything wrong in it does nothing at all, and everything wrong is told with its path.
func TestAWrongDocumentDoesNothing(t *testing.T) {
	w := newWorld(t)
	wrong := `{"groups":[
		{"slug":"good","name":"Good","locale":"en","zone":"UTC"},
		{"slug":"B A D","name":"Bad","locale":"en","zone":"Mars/Base"},
		{"slug":"good","name":"Twice","locale":"en","zone":"UTC"},
		{"slug":"words","name":"Words","locale":"en","zone":"UTC","wordings":{"hello":{"en":"{"},"x":{"en":"a"},"empty":{}},"channels":[{"name":"c1","adapter":"pigeon"},{"name":"C 2","adapter":"sms"},{"name":"c3","adapter":"sms","groups":["good"]},{"name":"c4","adapter":"sms","options":[1]}]}]}`
	r := w.want(422, applyAsk(wrong, "", "operator"), nil)
	var paths []string
	for _, e := range r.problem(t).Errors {
		paths = append(paths, e.Path)
	}
	for _, want := range []string{"body.groups[1]", "body.groups[2]", "body.groups[3].wordings.hello", "body.groups[3].wordings.x", "body.groups[3].wordings.empty",
		"body.groups[3].channels[0]", "body.groups[3].channels[1].name", "body.groups[3].channels[2].groups", "body.groups[3].channels[3].options"} {
		if !strings.Contains(strings.Join(paths, " ")+" ", want+" ") {
			t.Errorf("%s is not told; told are %v", want, paths)
		}
	}
	if _, err := w.store.Group(t.Context(), "good"); err == nil {
		t.Error("the good part of a wrong document was done")
	}
}

// A schedule comes with its group, its topic and its words in one document; applied again it is the same, changed by people
// it is a conflict, and what is wrong is told with its path.
func TestApplySchedules(t *testing.T) {
	w := newWorld(t)
	doc := func(cron, topic string) string {
		return `{"groups":[{"slug":"delhi","name":"Delhi","locale":"hi","zone":"Asia/Kolkata","topics":[{"name":"reports"}],"wordings":{"weekly":{"en":"All is well."}},
			"schedules":[{"name":"weekly-report","cron":"` + cron + `","zone":"member","send":{"kind":"report","topic":"` + topic + `","wording":"weekly"}}]}]}`
	}
	of := func(what gateway.ApplyWhat, rest gateway.ApplyWhat) map[string]gateway.ApplyWhat {
		return map[string]gateway.ApplyWhat{"groups/delhi": rest, "groups/delhi/wordings/weekly": rest, "groups/delhi/schedules/weekly-report": what}
	}
	w.wantApplied(applyAsk(doc("0 9 * * MON", "reports"), "?dry_run=true", "operator"), of(gateway.ApplyCreate, gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc("0 9 * * MON", "reports"), "", "operator"), of(gateway.ApplyCreate, gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc("0 9 * * MON", "reports"), "", "operator"), of(gateway.ApplySame, gateway.ApplySame))
	w.wantApplied(applyAsk(doc("0 8 * * MON", "reports"), "", "operator"), of(gateway.ApplyChange, gateway.ApplySame))
	w.want(200, ask{method: "PUT", path: "/api/v1/groups/delhi/schedules/weekly-report", token: "operator", body: `{"cron":"0 7 * * MON","send":{"kind":"report","topic":"reports","words":{"en":"x"}}}`}, nil)
	w.wantApplied(applyAsk(doc("0 9 * * MON", "reports"), "", "operator"), of(gateway.ApplyConflict, gateway.ApplySame))
	for body, path := range map[string]string{doc("0 9 30 2 *", "reports"): "body.groups[0].schedules[0]", doc("0 9 * * MON", "rumours"): "body.groups[0].schedules[0].send.topic"} {
		r := w.want(422, applyAsk(body, "", "operator"), nil)
		if p := r.problem(t); len(p.Errors) != 1 || p.Errors[0].Path != path || !strings.HasPrefix(p.Detail, "one thing is wrong") {
			t.Errorf("%s is told as %+v", path, p.Errors)
		}
	}
	var d gateway.Document
	w.want(200, ask{method: "GET", path: "/api/v1/export", token: "operator"}, &d)
	found := false
	for _, g := range d.Groups {
		found = found || g.Slug == "delhi" && len(g.Schedules) == 1 && g.Schedules[0].Cron == "0 7 * * MON" && g.Schedules[0].Send.Words["en"] == "x"
	}
	if !found {
		t.Errorf("exported is %+v", d.Groups)
	}
}

// How alerts climb comes and goes with the document; what people changed stands.
func TestApplyPolicies(t *testing.T) {
	w := newWorld(t)
	doc := func(wait, topic string) string {
		return `{"groups":[{"slug":"delhi","name":"Delhi","locale":"hi","zone":"Asia/Kolkata","topics":[{"name":"alerts"}],
			"policies":[{"name":"night","steps":[{"targets":[{"tags":["medic"]}],"wait_minutes":` + wait + `}],"last_resort":[{"topic":"` + topic + `"}]}]}]}`
	}
	of := func(what gateway.ApplyWhat, rest gateway.ApplyWhat) map[string]gateway.ApplyWhat {
		return map[string]gateway.ApplyWhat{"groups/delhi": rest, "groups/delhi/policies/night": what}
	}
	w.wantApplied(applyAsk(doc("5", "alerts"), "?dry_run=true", "operator"), of(gateway.ApplyCreate, gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc("5", "alerts"), "", "operator"), of(gateway.ApplyCreate, gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc("5", "alerts"), "", "operator"), of(gateway.ApplySame, gateway.ApplySame))
	w.wantApplied(applyAsk(doc("6", "alerts"), "", "operator"), of(gateway.ApplyChange, gateway.ApplySame))
	w.want(200, ask{method: "PUT", path: "/api/v1/groups/delhi/alert-policies/night", token: "operator", body: `{"name":"night","steps":[{"targets":[{"tags":["medic"]}],"wait_minutes":7}],"last_resort":[{"topic":"alerts"}]}`}, nil)
	w.wantApplied(applyAsk(doc("5", "alerts"), "", "operator"), of(gateway.ApplyConflict, gateway.ApplySame))
	for _, body := range []string{doc("0", "alerts"), doc("5", "rumours")} {
		r := w.want(422, applyAsk(body, "", "operator"), nil)
		if all := r.problem(t).Errors; len(all) != 1 || all[0].Path != "body.groups[0].policies[0]" {
			t.Errorf("it is told as %+v", all)
		}
	}
	var d gateway.Document
	w.want(200, ask{method: "GET", path: "/api/v1/export", token: "operator"}, &d)
	found := false
	for _, g := range d.Groups {
		found = found || g.Slug == "delhi" && len(g.Policies) == 1 && g.Policies[0].Steps[0].Wait == 7
	}
	if !found {
		t.Errorf("exported is %+v", d.Groups)
	}
}

// The document that the API gives is the one that it takes.
func TestExportIsApplicable(t *testing.T) {
	w := newWorld(t)
	r := w.want(200, ask{method: "GET", path: "/api/v1/export", token: "berlin administrator"}, nil)
	var d gateway.Document
	must(t, json.Unmarshal(r.body, &d))
	if len(d.Groups) != 1 || d.Groups[0].Slug != "berlin" || len(d.Groups[0].Channels) != 1 || len(d.Channels) != 0 {
		t.Errorf("berlin exports %s", r.body)
	}
	w.wantApplied(applyAsk(string(r.body), "", "berlin administrator"), map[string]gateway.ApplyWhat{"groups/berlin": gateway.ApplySame, "groups/berlin/channels/sms-berlin": gateway.ApplySame})
}

// Words for members in neutral mode that name the group are refused, from a person and from a document; others are not
// looked at.
func TestNeutralWordsNameNobody(t *testing.T) {
	w := newWorld(t)
	put := func(name, text string) ask {
		return ask{method: "PUT", path: "/api/v1/groups/berlin/wordings/" + name, token: "berlin administrator", body: map[string]any{"sources": map[string]string{"de": text}}}
	}
	w.want(200, put("pointer", "Eine Nachricht ist da."), nil)
	w.want(200, put("stopped", "Berlin schweigt."), nil)
	for name, text := range map[string]string{"pointer": "Eine Nachricht aus Berlin.", "stopped-neutral": "BERLIN schweigt.", "enrol-ask-neutral": "{group} fragt."} {
		if p := w.want(422, put(name, text), nil).problem(t); p.Code != gateway.CodeInvalid {
			t.Errorf("%s: %+v", name, p)
		}
	}
	w.want(200, put("enrol-code-neutral", "{code} gilt {minutes} Minuten."), nil)
	for value, says := range map[string]string{"{ group }": "name the group", "{contact}": "no value", "**Ber**lin": "name the group", "Ber\u00adlin": "name the group"} {
		all := map[string]string{}
		for locale := range templates.ShippedText(templates.Pointer) {
			all[locale] = "Eine Nachricht: " + value
		}
		everywhere := put("pointer", "")
		everywhere.body = map[string]any{"sources": all}
		if p := w.want(422, everywhere, nil).problem(t); !strings.Contains(p.Detail, says) {
			t.Errorf("%s: %+v", value, p)
		}
	}
	r := w.want(422, applyAsk(`{"groups":[{"slug":"oslo","name":"Oslo Fjord","locale":"nb","zone":"Europe/Oslo","wordings":{"pointer":{"nb":"Fra Oslo Fjord."}}}]}`, "", "operator"), nil)
	if e := r.problem(t).Errors; len(e) != 1 || e[0].Path != "body.groups[0].wordings.pointer" {
		t.Errorf("%+v", e)
	}
}

// A series of reports is seeded and changed by a document, and what people changed of it is left to them. The address of an
// indicator is in no export; without it in the document, it stays.
func TestApplySeries(t *testing.T) {
	w := newWorld(t)
	doc := func(title, address string) string {
		return `{"groups":[{"slug":"delhi","name":"Delhi","locale":"hi","zone":"Asia/Kolkata","topics":[{"name":"reports"}],
			"series":[{"name":"news","title":"` + title + `","topic":"reports","indicators":[{"name":"boats","titles":{"en":"Boats"},"source":"the pier","pointer":"/boats"` + address + `}]}]}]}`
	}
	of := func(what, rest gateway.ApplyWhat) map[string]gateway.ApplyWhat {
		return map[string]gateway.ApplyWhat{"groups/delhi": rest, "groups/delhi/series/news": what}
	}
	const address = `,"url":"https://counts.example/secret.json"`
	first := doc("News", address)
	w.wantApplied(applyAsk(first, "?dry_run=true", "operator"), of(gateway.ApplyCreate, gateway.ApplyCreate))
	w.wantApplied(applyAsk(first, "", "operator"), of(gateway.ApplyCreate, gateway.ApplyCreate))
	w.wantApplied(applyAsk(doc("News", ""), "", "operator"), of(gateway.ApplySame, gateway.ApplySame))
	w.wantApplied(applyAsk(doc("Good news", ""), "", "operator"), of(gateway.ApplyChange, gateway.ApplySame))
	delhi, err := w.store.Group(t.Context(), "delhi")
	must(t, err)
	s, err := w.store.Series(t.Context(), delhi.ID, "news")
	must(t, err)
	if s.Title != "Good news" || s.Indicators[0].URL.Reveal() != "https://counts.example/secret.json" {
		t.Errorf("the series is %+v", s)
	}
	s.Indicators[0].Measure.Value = "12" // what is read changes nothing that a document says
	s, err = w.store.PutSeries(t.Context(), s)
	must(t, err)
	w.wantApplied(applyAsk(doc("Good news", ""), "", "operator"), of(gateway.ApplySame, gateway.ApplySame))
	s.Title = "Our news"
	_, err = w.store.PutSeries(t.Context(), s)
	must(t, err)
	w.wantApplied(applyAsk(doc("Good news", ""), "", "operator"), of(gateway.ApplyConflict, gateway.ApplySame))
	w.wantApplied(applyAsk(doc("Good news", ""), "?overwrite=true", "operator"), of(gateway.ApplyChange, gateway.ApplySame))
	var exported gateway.Document
	r := w.want(200, ask{method: "GET", path: "/api/v1/export", token: "operator"}, &exported)
	if strings.Contains(string(r.body), "secret.json") || !strings.Contains(string(r.body), `"title":"Good news"`) {
		t.Errorf("the export is %s", r.body)
	}
	var again gateway.ApplyReport
	w.want(200, applyAsk(string(r.body), "", "operator"), &again)
	for _, it := range again.Items {
		if it.What != gateway.ApplySame {
			t.Errorf("what was exported is not the same: %+v", it)
		}
	}
	var problem struct{ Errors []struct{ Path string } }
	w.want(422, applyAsk(strings.Replace(first, "/boats", "boats", 1), "", "operator"), &problem)
	if len(problem.Errors) != 1 || problem.Errors[0].Path != "body.groups[0].series[0]" {
		t.Errorf("a document with a fault: %+v", problem)
	}
}
