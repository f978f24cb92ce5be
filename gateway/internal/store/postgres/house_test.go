package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// house is a ledger with one group.
type house struct {
	testing.TB
	s     *Store
	ctx   context.Context
	group gateway.Group
}

func newHouse(t testing.TB, o Options) *house {
	h := &house{TB: t, ctx: context.Background()}
	var err error
	h.s, err = Open(h.ctx, o)
	h.ok(err)
	t.Cleanup(func() { h.ok(h.s.Close()) })
	h.group, err = h.s.PutGroup(h.ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "UTC", Topics: []gateway.Topic{{Name: "reports"}}})
	h.ok(err)
	return h
}

func (h *house) ok(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// take takes members in, each with a contact point and a piece of evidence.
func (h *house) take(from, to int) (ids []gateway.ID) {
	h.Helper()
	imp := gateway.Import{ID: gateway.NewID(), GroupID: h.group.ID, Author: "a", At: time.Now()}
	h.ok(h.s.BeginImport(h.ctx, imp))
	var rows []gateway.StagedMember
	for i := from; i < to; i++ {
		point := gateway.NewID()
		rows = append(rows, gateway.StagedMember{Line: i + 1,
			Member:   gateway.Member{Ref: gateway.Private(fmt.Sprintf("the reference %d", i)), Name: gateway.Private(fmt.Sprintf("Somebody Private %d", i)), Locale: "en", Zone: "UTC", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: gateway.Private(fmt.Sprintf("+1202555%05d", i))}}},
			Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: gateway.Private(fmt.Sprintf("a form on paper %d", i)), Source: "import"}}})
	}
	staged, err := h.s.Stage(h.ctx, h.group.ID, imp.ID, rows)
	h.ok(err)
	for _, s := range staged {
		ids = append(ids, s.MemberID)
	}
	h.ok(h.s.Publish(h.ctx, h.group.ID, imp.ID))
	return ids
}

func (h *house) run(text string, args ...any) {
	h.Helper()
	_, err := h.s.pool.Exec(h.ctx, text, args...)
	h.ok(err)
}

func (h *house) value(text string, args ...any) (v string) {
	h.Helper()
	h.ok(h.s.query(h.ctx, text, args, func(r pgx.Rows) error { return r.Scan(&v) }))
	return v
}
