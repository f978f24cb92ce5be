package postgres

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// files reads the files of the server below a folder of its data.
func (h *house) files(folder string, see func(name string, content []byte)) {
	h.Helper()
	h.ok(filepath.WalkDir(filepath.Join(h.value("SELECT current_setting('data_directory')"), folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		see(path, content)
		return err
	}))
}

// In clear, nothing of a member stands in any file of the server: not in tables and indexes, and not in the journal. Of
// what is sealed, an erasure leaves bytes behind until the server writes over them; docs/adr/0015 says for how long.
func TestNothingInClearIsOnDisk(t *testing.T) {
	p, err := shared.sound()
	servers.Need(t, err)
	h := newHouse(t, Options{URL: p.URL(newDatabase(t, p)), Ring: newRing(t)})
	ids := h.take(0, 500)
	_, err = h.s.Receive(h.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: h.group.ID, ChannelID: h.group.ID, MemberIDs: ids[:1], Kind: "sms", From: "+120255500000", Text: "please forget Somebody Private", At: time.Now()})
	h.ok(err)
	leaving := ids[:50]
	sealedOf := map[uint64]string{}
	var maybe [1 << 20]bool // by the end of a key of sealedOf: most bytes are not worth looking up
	for _, column := range []string{"members.id.key_sealed", "members.id.name_sealed", "contact_points.member_id.address_sealed", "consents.member_id.proof_sealed"} {
		part := strings.Split(column, ".")
		h.ok(h.s.query(h.ctx, "SELECT "+part[1]+"::text || $2, "+part[2]+" FROM "+part[0]+" WHERE "+part[1]+" = ANY($1)", []any{leaving, column}, func(r pgx.Rows) error {
			var what string
			var b []byte
			err := r.Scan(&what, &b)
			for ; len(b) >= 8; b = b[1:] {
				word := binary.NativeEndian.Uint64(b)
				sealedOf[word], maybe[word%uint64(len(maybe))] = what, true
			}
			return err
		}))
	}
	database := "base/" + h.value("SELECT oid::text FROM pg_database WHERE datname = current_database()")
	traces := func(folder string) int {
		h.run("CHECKPOINT")
		found := map[string]bool{}
		h.files(folder, func(_ string, content []byte) {
			for at := 0; at+8 <= len(content); at++ {
				word := binary.NativeEndian.Uint64(content[at:])
				if !maybe[word%uint64(len(maybe))] {
					continue
				}
				if what, ok := sealedOf[word]; ok {
					found[what] = true
				}
			}
		})
		return len(found)
	}
	before := traces(database)
	if before != 4*len(leaving) {
		t.Fatalf("%d of %d sealed things are found before they are deleted: the search is blind", before, 4*len(leaving))
	}
	for _, id := range leaving {
		h.ok(h.s.Erase(h.ctx, h.group.ID, id))
	}
	t.Logf("of %d sealed things of erased members, %d are in tables and indexes, %d in the journal", before, traces(database), traces("pg_wal"))
	for _, table := range []string{"members", "contact_points", "consents"} {
		h.run("VACUUM " + table)
	}
	t.Logf("after VACUUM, %d are in tables and indexes", traces(database))
	h.take(500, 1000)
	h.run("VACUUM members")
	t.Logf("after 500 others were taken in, %d are in tables and indexes", traces(database))
	for _, folder := range []string{database, "pg_wal"} {
		h.files(folder, func(name string, content []byte) {
			for _, clear := range []string{"Somebody Private", "+1202555", "1202555", "a form on paper", "the reference"} {
				if bytes.Contains(content, []byte(clear)) {
					t.Errorf("%q stands in %s", clear, name)
				}
			}
		})
	}
}

// Whatever holds something sealed is cleaned out soon after a row of it died.
func TestSealedTablesAreCleanedSoon(t *testing.T) {
	p := quick(t)
	h := newHouse(t, Options{URL: p.URL(newDatabase(t, p)), Ring: newRing(t)})
	n := 0
	h.ok(h.s.query(h.ctx, `SELECT c.relname, array_to_string(c.reloptions, ' ') || ' ' FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
		AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname LIKE '%\_sealed' AND NOT a.attisdropped)`, nil, func(r pgx.Rows) error {
		var table string
		var options *string
		err := r.Scan(&table, &options)
		if n++; options == nil || !strings.Contains(*options, "autovacuum_vacuum_scale_factor=0 ") || !strings.Contains(*options, "autovacuum_vacuum_threshold=0 ") {
			t.Errorf("%s has sealed columns, but is not cleaned out soon", table)
		}
		return err
	}))
	if n < 9 {
		t.Errorf("%d tables have sealed columns: the search is blind", n)
	}
}
