package sqlite

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// secrets are bytes that must be gone, by what they are.
type secrets map[string][]byte

// add reads what columns of a table hold where owner is one of ids.
func (g secrets) add(h *hall, table, owner string, ids []gateway.ID, columns ...string) {
	h.t.Helper()
	wanted := map[gateway.ID]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	for _, column := range columns {
		h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
			return queryOnce(c, "SELECT "+owner+", "+column+" FROM "+table, nil, func(r *lite.Stmt) error {
				if b := r.ColBlob(1); wanted[r.ColID(0)] && len(b) > 0 {
					g[fmt.Sprintf("%s.%s %d", table, column, len(g))] = bytes.Clone(b)
				}
				return nil
			})
		}))
	}
}

// traces counts the secrets of which any 8 bytes in a row stand in a file of the data folder: the ledger, its journal and
// the journal's index.
func (h *hall) traces(g secrets) int {
	h.t.Helper()
	windows := map[uint64]string{}
	for what, b := range g {
		for ; len(b) >= 8; b = b[1:] {
			windows[binary.NativeEndian.Uint64(b)] = what
		}
	}
	entries, err := os.ReadDir(h.dir)
	h.ok(err)
	found := map[string]string{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(h.dir, e.Name()))
		h.ok(err)
		for at := 0; at+8 <= len(content); at++ {
			if what, ok := windows[binary.NativeEndian.Uint64(content[at:])]; ok {
				found[what] = fmt.Sprintf("%s, page %d", e.Name(), at/4096+1)
			}
		}
	}
	for what, where := range found {
		if len(found) < 20 {
			h.t.Logf("%s stands in %s", what, where)
		}
	}
	return len(found)
}

// sound has SQLite check the whole file.
func (h *hall) sound() {
	h.t.Helper()
	h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
		return query(c, "PRAGMA integrity_check", nil, func(r *lite.Stmt) error {
			if r.ColText(0) != "ok" {
				h.t.Errorf("the file is broken: %s", r.ColText(0))
			}
			return nil
		})
	}))
}

// crowd takes in members whose rows differ in length, so that SQLite moves rows about.
func (h *hall) crowd(n int) []gateway.ID {
	imp := h.begin(h.group.ID)
	var ids []gateway.ID
	for i := 0; i < n; i += 500 {
		var rows []gateway.StagedMember
		for k := i; k < i+500; k++ {
			row := gateway.StagedMember{Line: k + 2, Member: gateway.Member{Ref: gateway.Private(fmt.Sprintf("ref %d", k)), Name: gateway.Private(strings.Repeat("n", 1+rand.IntN(60))),
				Locale: "en", Zone: "Europe/Berlin", Tags: []string{strings.Repeat("t", 1+rand.IntN(20))}}}
			for p := range 1 + rand.IntN(3) {
				point := gateway.NewID()
				row.Member.Points = append(row.Member.Points, gateway.ContactPoint{ID: point, Kind: "sms", Address: gateway.Private(fmt.Sprintf("%s%d", testNumber(k).Reveal(), p))})
				row.Consents = append(row.Consents, gateway.Consent{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: gateway.Private(strings.Repeat("p", rand.IntN(50)))})
			}
			rows = append(rows, row)
		}
		staged, err := h.s.Stage(h.ctx, h.group.ID, imp, rows)
		h.ok(err)
		for _, s := range staged {
			ids = append(ids, s.MemberID)
		}
	}
	h.ok(h.s.Publish(h.ctx, h.group.ID, imp))
	return ids
}

// Members are erased from among many: of what was sealed for them, of their keys and of their indexes no 8 bytes are left
// in any file, where SQLite had left copies of moved rows behind included.
func TestErasingLeavesNoByte(t *testing.T) {
	h := newHall(t)
	many := 5000
	if raced {
		many = 1000
	}
	members := h.crowd(many)
	rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	leaving := members[:many/3]
	for _, id := range leaving[:100] {
		_, err := h.s.Receive(h.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: h.group.ID, ChannelID: h.group.ID, MemberIDs: []gateway.ID{id}, Kind: "sms", From: "+12025550100", Text: "please forget me", At: time.Now()})
		h.ok(err)
	}
	gone := secrets{}
	gone.add(h, "members", "id", leaving, "key_sealed", "name_sealed", "ref_sealed", "ref_index")
	gone.add(h, "contact_points", "member_id", leaving, "address_sealed", "address_index")
	gone.add(h, "consents", "member_id", leaving, "proof_sealed")
	gone.add(h, "inbounds", "sealed_for", leaving, "from_sealed", "text_sealed")
	if found := h.traces(gone); found < len(gone) {
		t.Fatalf("%d of %d are found before they are deleted: the search is blind", found, len(gone))
	}
	for _, id := range leaving[1:] { // as Erase does, without the purge behind each
		h.ok(h.s.write.do(h.ctx, true, func(txn *txn) error { return txn.erase(h.group.ID, id) }))
	}
	h.s.write.check.scrub(h.ctx)
	left := h.traces(gone)
	t.Logf("deleting and emptying the journal alone leave traces of %d", left)
	h.ok(h.s.Erase(h.ctx, h.group.ID, leaving[0]))
	if left := h.traces(gone); left > 0 {
		t.Errorf("of %d things of the erased members, %d are still there", len(gone), left)
	}
	h.sound()
	for _, id := range members[many/3 : many/3+100] {
		m, err := h.s.Member(h.ctx, h.group.ID, id)
		h.ok(err)
		if m.Name == "" || len(m.Points) == 0 {
			t.Errorf("member %s lost something", id)
		}
	}
}

// A text of one known member opens with her key alone; whoever has the group's key but not hers reads nothing. A text of
// nobody known, or of several, is under the group's.
func TestInboundTextsAreUnderTheMembersKey(t *testing.T) {
	h := newHall(t)
	members := h.take(h.group.ID, 2)
	group, err := h.s.groupKey(h.ctx, h.group.ID)
	h.ok(err)
	for _, c := range []struct {
		from []gateway.ID
		hers bool
	}{{members[:1], true}, {members, false}, {nil, false}} {
		m := gateway.InboundMessage{ID: gateway.NewID(), GroupID: h.group.ID, ChannelID: h.group.ID, MemberIDs: c.from, Kind: "sms", From: "+12025550100", Text: "I am safe", At: time.Now()}
		_, err := h.s.Receive(h.ctx, m)
		h.ok(err)
		for _, column := range []string{"from", "text"} {
			stored := secrets{}
			stored.add(h, "inbounds", "id", []gateway.ID{m.ID}, column+"_sealed")
			for _, b := range stored {
				_, err := group.Box.Open(b, sealed.Place(m.ID, column))
				if c.hers == (err == nil) {
					t.Errorf("%s of %d members: opened with the group's key: %v", column, len(c.from), err == nil)
				}
			}
			if len(stored) != 1 {
				t.Errorf("%d of column %s are stored", len(stored), column)
			}
		}
	}
}

// An import that is given up leaves nothing of its file.
func TestDiscardingLeavesNoByte(t *testing.T) {
	h := newHall(t)
	h.crowd(1000)
	imp := h.begin(h.group.ID)
	var ids []gateway.ID
	for _, s := range h.stage(h.group.ID, imp, 50_000, 50_500) {
		ids = append(ids, s.MemberID)
	}
	for _, s := range h.stage(h.group.ID, imp, 0, 10) { // two of a kind that are known by their addresses
		ids = append(ids, s.MemberID)
	}
	gone := secrets{}
	gone.add(h, "members", "id", ids, "key_sealed", "name_sealed")
	gone.add(h, "contact_points", "member_id", ids, "address_sealed", "address_index")
	gone.add(h, "consents", "member_id", ids, "proof_sealed")
	h.ok(h.s.Discard(h.ctx, h.group.ID, imp))
	if left := h.traces(gone); left > 0 {
		t.Errorf("of %d things of a discarded import, %d are still there", len(gone), left)
	}
	h.sound()
}

// Once their time is over, texts leave nothing; those whose time is not over stay.
func TestRetentionLeavesNoByte(t *testing.T) {
	h := newHall(t)
	members := h.crowd(500)
	month := 40 * 24 * time.Hour
	var over, kept []gateway.ID
	for i := range 300 {
		now := time.Now()
		if i%2 == 0 {
			now = now.Add(-month)
		}
		b := gateway.Broadcast{ID: gateway.NewID(), GroupID: h.group.ID, Key: fmt.Sprint("key ", i), Kind: gateway.KindReport, Class: gateway.Report, Audience: gateway.Audience{Topic: "reports"},
			Words: gateway.Words{Sources: map[string]string{"en": strings.Repeat("word ", 1+rand.IntN(100))}}, Policy: gateway.PolicyOf(gateway.Report), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}
		_, err := h.s.Submit(h.ctx, b, []byte("print"), nil)
		h.ok(err)
		h.ok(h.s.Plan(h.ctx, gateway.Chunk{Broadcast: b.ID, Group: h.group.ID, Last: true, Lane: gateway.Bulk,
			Renderings: []gateway.Rendering{{BroadcastID: b.ID, GroupID: h.group.ID, Locale: "en", Kind: "sms", Parts: [][]byte{[]byte(strings.Repeat("part ", 1+rand.IntN(100)))}}}}))
		in := gateway.InboundMessage{ID: gateway.NewID(), GroupID: h.group.ID, ChannelID: h.group.ID, Kind: "sms", From: "+12025550100", Text: "hello", At: now}
		if i%3 == 0 {
			in.MemberIDs = members[i : i+1]
		}
		_, err = h.s.Receive(h.ctx, in)
		h.ok(err)
		if i%2 == 0 {
			over = append(over, b.ID, in.ID)
		} else {
			kept = append(kept, b.ID, in.ID)
		}
	}
	read := func(ids []gateway.ID) secrets {
		g := secrets{}
		g.add(h, "broadcasts", "id", ids, "words_sealed")
		g.add(h, "renderings", "broadcast_id", ids, "parts_sealed")
		g.add(h, "inbounds", "id", ids, "from_sealed", "text_sealed")
		return g
	}
	gone, stays := read(over), read(kept)
	if len(gone) != 600 || len(stays) != 600 {
		t.Fatalf("%d texts are over, %d are not; there should be 600 of each", len(gone), len(stays))
	}
	for {
		n, err := h.s.Retain(h.ctx, 100)
		h.ok(err)
		if n == 0 {
			break
		}
	}
	if left := h.traces(gone); left > 0 {
		t.Errorf("of %d texts whose time is over, %d are still there", len(gone), left)
	}
	if there := h.traces(stays); there != len(stays) {
		t.Errorf("of %d texts whose time is not over, %d are there", len(stays), there)
	}
	h.sound()
}
