package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// onDuty tells what a coordinator does with a rota.
func (w *world) onDuty(c *client.Client, ok func(string, error), is func(string, bool, any, error)) {
	ctx := w.t.Context()
	other := w.another()
	start := civil.Of(w.clock.Now(), time.UTC).Wall.Midnight()
	r, err := c.PutRota(ctx, "berlin", "telephone", gateway.DocumentRota{Title: "Telephone", Kind: gateway.RotaDays, Zone: "UTC", Start: start, Members: []gateway.ID{w.member, other}})
	is("put rota", r.Zone == "UTC" && r.Every == 1, r, err)
	rotas, err := c.Rotas(ctx, "berlin")
	is("rotas", len(rotas) == 1 && rotas[0].Title == "Telephone", rotas, err)
	table, err := c.Rota(ctx, "berlin", "telephone", w.clock.Now(), 2)
	is("turns", len(table.Turns) == 3 && table.Turns[0].Member == w.member && table.Turns[1].Member == other, table, err)
	r, err = c.OverrideRota(ctx, "berlin", "telephone", gateway.RotaOverride{From: start, To: start + civil.Hour, Member: other})
	is("override", len(r.Overrides) == 1 && r.Overrides[0].By == "berlin administrator", r, err)
	ok("withdraw", c.WithdrawFromRota(ctx, "berlin", "telephone", r.Overrides[0].ID))
	names, err := c.NoteAbsence(ctx, "berlin", gateway.Absence{Member: other, From: start + civil.Day, To: start + 2*civil.Day})
	is("away", len(names) == 1 && names[0] == "telephone", names, err)
	table, err = c.Rota(ctx, "berlin", "telephone", time.Time{}, 2)
	is("a gap", table.Turns[1].Member.IsZero() && table.Turns[1].Why == gateway.TurnAway && table.Turns[1].Planned == other, table, err)
	s, err := c.AskSwap(ctx, "berlin", "telephone", gateway.Swap{From: w.member, With: other, Give: start + 2*civil.Day, Take: start + 3*civil.Day})
	is("ask", !s.ID.IsZero(), s, err)
	r, err = c.AnswerSwap(ctx, "berlin", "telephone", s.ID, true)
	is("answer", len(r.Overrides) == 2 && len(r.Swaps) == 0, r, err)
	gaps, err := c.DutyGaps(ctx, "berlin", 7)
	is("gaps", len(gaps) == 1 && gaps[0].Place() == "step 2" && gaps[0].Role == "medic", gaps, err)
	ok("delete", c.DeleteRota(ctx, "berlin", "telephone"))
}

// another takes in a second member of the group.
func (w *world) another() gateway.ID {
	w.t.Helper()
	c, _ := w.client("berlin administrator")
	ids, err := c.FindMembers(w.t.Context(), "berlin", "ref", "K-30")
	if err != nil || len(ids) != 1 {
		w.t.Fatalf("there is no second member: %v", err)
	}
	return ids[0]
}

// What is wrong with a rota is said, and nothing is kept of it.
func TestARotaIsRefused(t *testing.T) {
	w := newWorld(t)
	c, _ := w.client("berlin administrator")
	start := civil.At(2026, 3, 28, 8, 0, 0)
	for what, d := range map[string]gateway.DocumentRota{
		"no start":       {Kind: gateway.RotaDays},
		"a zone":         {Kind: gateway.RotaDays, Start: start, Zone: "Berlin"},
		"ends first":     {Kind: gateway.RotaDays, Start: start, Until: start},
		"a stranger":     {Kind: gateway.RotaDays, Start: start, Members: []gateway.ID{gateway.NewID()}},
		"list and order": {Kind: gateway.RotaList, Until: start, Members: []gateway.ID{w.member}},
		"endless list":   {Kind: gateway.RotaList, Turns: []gateway.ListedTurn{{From: start}}},
		"backwards":      {Kind: gateway.RotaList, Until: start + civil.Day, Turns: []gateway.ListedTurn{{From: start}, {From: start - civil.Hour}}},
	} {
		if _, err := c.PutRota(t.Context(), "berlin", "telephone", d); err == nil {
			t.Errorf("%s: it was taken", what)
		}
	}
	if all, err := c.Rotas(t.Context(), "berlin"); err != nil || len(all) != 0 {
		t.Errorf("kept are %v, %v", all, err)
	}
}

// onDutyAt is what can be asked about rotas that are there.
type onDutyAt struct {
	other, swap, override gateway.ID
	give                  string
}

// duties makes rotas with an open question and an override.
func (w *world) duties() (d onDutyAt) {
	w.t.Helper()
	ctx := w.t.Context()
	start := civil.Of(w.clock.Now(), time.UTC).Wall.Midnight()
	found, err := w.store.FindMembers(ctx, w.berlin.ID, "ref", "K-31")
	must(w.t, err)
	if len(found) == 0 {
		c, _ := w.client("berlin administrator")
		_, err := c.ImportMembers(ctx, "berlin", strings.NewReader(people+row("K-31", "Somebody", "+447700900131")), gateway.ImportOptions{})
		must(w.t, err)
		found, err = w.store.FindMembers(ctx, w.berlin.ID, "ref", "K-31")
		must(w.t, err)
	}
	d.other, d.give = found[0], (start + 2*civil.Day).String()
	for _, name := range []string{"kept", "spare", "asked"} {
		_, _, err := w.server.Rotas.Put(ctx, w.berlin, gateway.Rota{Name: name, Rotation: gateway.Rotation{Kind: gateway.RotaDays, Zone: "UTC", Start: start, Members: []gateway.ID{w.member, d.other}}})
		must(w.t, err)
	}
	s, err := w.server.Rotas.AskSwap(ctx, w.berlin.ID, "kept", gateway.Swap{From: w.member, With: d.other, Give: start + 4*civil.Day})
	must(w.t, err)
	r, err := w.server.Rotas.Override(ctx, w.berlin.ID, "kept", gateway.RotaOverride{From: start, To: start + civil.Hour})
	must(w.t, err)
	d.swap, d.override = s.ID, r.Overrides[len(r.Overrides)-1].ID
	return d
}

// The rules of rotas are seeded and changed by a document; who is in them stays with people, and no export names them.
func TestApplyRotas(t *testing.T) {
	w := newWorld(t)
	d := w.duties()
	g, err := json.Marshal(gateway.DocumentGroup{Slug: w.berlin.Slug, Name: w.berlin.Name, Locale: w.berlin.Locale, Fallback: w.berlin.Fallback, Zone: w.berlin.Zone, Region: w.berlin.Region, Topics: w.berlin.Topics})
	must(t, err)
	doc := func(rotas string) string {
		return `{"groups":[` + strings.TrimSuffix(string(g), "}") + `,"rotas":[` + rotas + `]}]}`
	}
	wants := func(doc, query string, kept, listed gateway.ApplyWhat) {
		t.Helper()
		var report gateway.ApplyReport
		w.want(200, applyAsk(doc, query, "berlin administrator"), &report)
		for _, it := range report.Items {
			if want := map[string]gateway.ApplyWhat{"groups/berlin/rotas/kept": kept, "groups/berlin/rotas/listed": listed}[it.Path]; want != "" && it.What != want {
				t.Errorf("%s: %s %s, want %s", it.Path, it.What, it.Why, want)
			}
		}
	}
	const listed = `,{"name":"listed","rotation":"list","start":"2026-04-01T08:00","until":"2026-05-01T08:00"}`
	weekly := doc(`{"name":"kept","title":"Phone","rotation":"weeks","zone":"UTC","start":"2026-03-30T08:00"}` + listed)
	wants(weekly, "", gateway.ApplyConflict, gateway.ApplyCreate) // people made it
	wants(weekly, "?overwrite=true", gateway.ApplyChange, gateway.ApplySame)
	wants(weekly, "", gateway.ApplySame, gateway.ApplySame)
	table, err := w.server.Rotas.Table(t.Context(), w.berlin.ID, "kept", w.clock.Now(), 7)
	must(t, err)
	if r := table.Rota; r.Kind != gateway.RotaWeeks || r.Title != "Phone" || len(r.Members) != 2 || len(r.Overrides) != 1 {
		t.Errorf("it is %+v", r)
	}
	var exported gateway.Document
	r := w.want(200, ask{method: "GET", path: "/api/v1/export", token: "berlin administrator"}, &exported)
	if strings.Contains(string(r.body), d.other.String()) || strings.Contains(string(r.body), w.member.String()) || !strings.Contains(string(r.body), `"listed"`) {
		t.Errorf("the export is %s", r.body)
	}
	for at, rota := range map[string]string{
		"body.groups[0].rotas[0]":          `{"name":"kept","rotation":"weeks","start":"2026-03-30T08:00","members":["` + w.member.String() + `"]}`,
		"body.groups[0].rotas[0].rotation": `{"name":"kept","rotation":"list","start":"2026-03-30T08:00","until":"2026-04-30T08:00"}`,
		"body.groups[0].rotas[1]":          `{"name":"spare","rotation":"days","start":"2026-03-30T08:00"},{"name":"other","rotation":"list","start":"2026-03-30T08:00"}`,
	} {
		var problem struct{ Errors []struct{ Path string } }
		w.want(422, applyAsk(doc(rota), "", "berlin administrator"), &problem)
		if len(problem.Errors) != 1 || problem.Errors[0].Path != at {
			t.Errorf("%s: %+v", rota, problem)
		}
	}
}
