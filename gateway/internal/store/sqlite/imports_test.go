package sqlite

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// The disk was full when an import was to be undone, so it was left behind with what it had staged. The next one undoes it
// and takes everybody in as new: no row changes a member whom nobody sees.
func TestAnImportThatWasLeftBehindIsUndone(t *testing.T) {
	for name, leave := range map[string]func(h *hall, imp gateway.ID){
		"open":                  func(h *hall, imp gateway.ID) { h.s.importing.Delete(imp) },
		"while it is discarded": func(h *hall, imp gateway.ID) { h.ok(h.s.turnImport(h.ctx, h.group.ID, imp, "discarding", "open")) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			left := h.begin(h.group.ID)
			h.stage(h.group.ID, left, 0, 20)
			leave(h, left)
			next := h.begin(h.group.ID)
			for _, staged := range h.stage(h.group.ID, next, 10, 30) {
				if staged.Kind != gateway.StagedNew {
					t.Fatalf("a row is %v", staged.Kind)
				}
			}
			h.ok(h.s.Publish(h.ctx, h.group.ID, next))
			members, err := h.s.Members(h.ctx, h.group.ID, gateway.ID{}, 100)
			h.ok(err)
			if len(members) != 20 {
				t.Errorf("%d members, want 20", len(members))
			}
			h.ok(h.s.FinishImports(h.ctx))
			again, err := h.s.Members(h.ctx, h.group.ID, gateway.ID{}, 100)
			h.ok(err)
			if len(again) != 20 {
				t.Errorf("%d members after the next start, want 20", len(again))
			}
		})
	}
}
