package api

import (
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
