package sqlite

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	mathbits "math/bits"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
	"github.com/carillon-gateway/carillon/gateway/internal/store/storetest"
)

// dump is what somebody has who took the disk but not the keys: every value of every row, and the files.
type dump struct {
	values map[string]bool // texts and bytes, as they are
	keys   [][]byte        // what might be a key: the short values of the small tables, and what is derived from them
	files  []byte
}

func readDump(t *testing.T, dir string) dump {
	d := dump{values: map[string]bool{}}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(dir)
	ok(err)
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		ok(err)
		d.files = append(d.files, b...)
	}
	c, err := lite.Open(filepath.Join(dir, "carillon.db"), "query_only=on")
	ok(err)
	defer func() { ok(c.Close()) }()
	var secrets, tables []string
	ok(query(c, "SELECT name FROM sqlite_master WHERE type = 'table'", nil, func(r *lite.Stmt) error { tables = append(tables, r.ColText(0)); return nil }))
	for _, table := range tables {
		var columns []string
		ok(queryOnce(c, "SELECT name FROM pragma_table_info('"+table+"')", nil, func(r *lite.Stmt) error { columns = append(columns, r.ColText(0)); return nil }))
		ok(queryOnce(c, "SELECT "+strings.Join(columns, ", ")+" FROM "+table, nil, func(r *lite.Stmt) error {
			for i := range columns {
				v := r.ColText(i)
				d.values[v] = true
				if (table == "groups" || table == "channels" || table == "imports") && len(v) <= 80 {
					secrets = append(secrets, v)
				}
			}
			return nil
		}))
	}
	slices.Sort(secrets)
	for _, secret := range slices.Compact(secrets) {
		d.keys = append(d.keys, []byte(secret))
		for _, purpose := range []string{"addresses", "suppression", "suppression of the instance"} {
			key, err := hkdf.Key(sha256.New, []byte(secret), nil, "carillon "+purpose, seal.KeySize)
			ok(err)
			d.keys = append(d.keys, key)
		}
	}
	return d
}

// suspects says whether the oracle finds a trace of a number in the dump, without any key: in clear, in the common
// encodings, hashed without a key, or hashed with anything of the dump as the key.
func (d *dump) suspects(number string) bool {
	digits := strings.TrimPrefix(number, "+")
	turned := []byte(digits)
	slices.Reverse(turned)
	for _, plain := range []string{number, digits, string(turned)} {
		for _, form := range []string{plain, hex.EncodeToString([]byte(plain)), base64.StdEncoding.EncodeToString([]byte(plain)), url.QueryEscape(plain)} {
			if bytes.Contains(d.files, []byte(form)) {
				return true
			}
		}
	}
	there := func(sum []byte) bool {
		for _, n := range []int{8, seal.IndexSize, 20, 32, len(sum)} {
			if n <= len(sum) && (d.values[string(sum[:n])] || d.values[hex.EncodeToString(sum[:n])] || d.values[base64.StdEncoding.EncodeToString(sum[:n])]) {
				return true
			}
		}
		return false
	}
	for _, text := range []string{number, digits, "sms\x00" + number, "sms" + number, "sms:" + number} {
		plain := []byte(text)
		a, b, c, e := md5.Sum(plain), sha1.Sum(plain), sha256.Sum256(plain), sha512.Sum512(plain)
		if there(a[:]) || there(b[:]) || there(c[:]) || there(e[:]) {
			return true
		}
		for _, key := range d.keys {
			mac := hmac.New(sha256.New, key)
			_, _ = mac.Write(plain)
			if there(mac.Sum(nil)) {
				return true
			}
		}
	}
	return false
}

// Threat T2: somebody has a copy of the data folder and a list of all numbers, but no keys. The list holds members and
// strangers, half and half. Language and zone stand in clear, so the list is of one country and one language: they tell
// countries apart, not people.
func TestTheDumpAloneDoesNotTellMembersFromStrangers(t *testing.T) {
	h := newHall(t)
	var groups [2]gateway.Group
	for i, slug := range []string{"harbour", "hill"} {
		groups[i] = h.putGroup(slug)
	}
	const people = 200
	list := make([]string, 2*people)
	for i := range list { // of different lengths
		list[i] = fmt.Sprintf("+49151%0*d", 4+i%5, 1000+i)
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	members := list[:people]
	for _, g := range groups {
		imp := h.begin(g.ID)
		var rows []gateway.StagedMember
		for i, number := range members {
			point := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: i + 2, Member: gateway.Member{Locale: "de", Zone: "Europe/Berlin", Ref: gateway.Private(number), Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: gateway.Private(number)}}},
				Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "de", Proof: "paper", Source: "import"}}})
		}
		_, err := h.s.Stage(h.ctx, g.ID, imp, rows)
		h.ok(err)
		h.ok(h.s.Publish(h.ctx, g.ID, imp))
		for _, number := range members[:people/2] {
			_, err := h.s.StopAddress(h.ctx, g.ID, "sms", gateway.Private(number), gateway.Consent{Wording: "STOP", Source: "member"})
			h.ok(err)
			_, err = h.s.Receive(h.ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: g.ID, ChannelID: g.ID, Kind: "sms", From: gateway.Private(number), Text: "STOP " + gateway.Private(number)})
			h.ok(err)
		}
	}
	var indexes [2][]string // of members, in the order of the list: the key tells them
	for i, g := range groups {
		key, err := h.s.groupKey(h.ctx, g.ID)
		h.ok(err)
		for _, number := range members {
			indexes[i] = append(indexes[i], string(key.Addresses.Of("sms", number)))
		}
	}
	var shared [2]map[string]bool // what is sealed or hidden in each group
	var lengths []int64
	h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
		return query(c, "SELECT DISTINCT length(address_sealed) FROM contact_points UNION SELECT length(ref_sealed) FROM members UNION SELECT length(from_sealed) FROM inbounds", nil, func(r *lite.Stmt) error {
			lengths = append(lengths, r.ColInt(0))
			return nil
		})
	}))
	for i := range groups {
		shared[i] = map[string]bool{}
		for _, table := range []string{"members", "contact_points", "consents", "suppressions", "inbounds"} {
			var blobs []string
			h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
				if err := queryOnce(c, "SELECT name FROM pragma_table_info(?) WHERE name <> 'group_id' AND type = 'BLOB'", []any{table}, func(r *lite.Stmt) error { blobs = append(blobs, r.ColText(0)); return nil }); err != nil {
					return err
				}
				return queryOnce(c, "SELECT "+strings.Join(blobs, ", ")+" FROM "+table+" WHERE group_id = ?", []any{groups[i].ID}, func(r *lite.Stmt) error {
					for k := range blobs {
						shared[i][r.ColText(k)] = true
					}
					return nil
				})
			}))
		}
		delete(shared[i], "") // NULL
		if len(shared[i]) < 5*people {
			t.Fatalf("group %d has %d values", i, len(shared[i]))
		}
	}
	for value := range shared[0] {
		if shared[1][value] && value != string(groups[0].ID[:]) && value != string(groups[1].ID[:]) {
			t.Errorf("a value of %d bytes stands in both groups", len(value))
		}
	}
	key, err := h.s.groupKey(h.ctx, groups[0].ID)
	h.ok(err)
	taken := t.TempDir()
	h.ok(os.CopyFS(taken, os.DirFS(h.dir))) // with the gateway running: file, journal and all
	d := readDump(t, taken)

	// Who has the key is right about everybody: the dump holds what the oracle looks for.
	for i, number := range list {
		if got, want := d.values[string(key.Addresses.Of("sms", number))], i < people; got != want {
			t.Fatalf("with the key, number %d counts as a member: %v, want %v", i, got, want)
		}
	}
	// Without keys it has nothing to go by: no trace of members, and none of strangers.
	for i, number := range list {
		if d.suspects(number) {
			t.Errorf("the oracle finds number %d (a member: %v) without a key", i, i < people)
		}
	}
	// That it can find traces is shown by planting some.
	for name, planted := range map[string]func(number string) string{
		"in clear":       func(n string) string { return n },
		"hashed":         func(n string) string { s := sha256.Sum256([]byte(n)); return string(s[:]) },
		"hashed and cut": func(n string) string { s := sha256.Sum256([]byte("sms\x00" + n)); return string(s[:16]) },
		"keyed by the group": func(n string) string {
			m := hmac.New(sha256.New, groups[0].ID[:])
			m.Write([]byte("sms\x00" + n))
			return string(m.Sum(nil)[:16])
		},
	} {
		value := planted(list[0])
		leaky := dump{values: map[string]bool{value: true}, keys: d.keys, files: []byte(value)}
		if !leaky.suspects(list[0]) || leaky.suspects(list[1]) {
			t.Errorf("the oracle does not see a number that stands %s", name)
		}
	}
	// Lengths tell nothing: all sealed numbers have one.
	if len(lengths) != 1 {
		t.Errorf("sealed numbers have the lengths %v", lengths)
	}
	// Neither does the order of the indexes, nor their bytes.
	if z := rankCorrelation(members, indexes[0]) * math.Sqrt(people-1); math.Abs(z) > 5 {
		t.Errorf("the order of numbers and that of their indexes agree by %.1f standard deviations", z)
	}
	uniform(t, strings.Join(append(indexes[0], indexes[1]...), ""))
	unrelated(t, indexes[0], indexes[1])
	t.Logf("%d values in the dump, %d of them tried as keys", len(d.values), len(d.keys))
}

// The same, over everything that people do: no trace of anybody, and nothing that is the same in two groups.
func TestTheDumpAloneTellsNothing(t *testing.T) {
	h := newHall(t)
	storetest.TellNothing(t, h.s, func() (taken storetest.Taken) {
		folder := t.TempDir()
		h.ok(os.CopyFS(folder, os.DirFS(h.dir)))
		entries, err := os.ReadDir(folder)
		h.ok(err)
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(folder, e.Name()))
			h.ok(err)
			taken.Files = append(taken.Files, b...)
		}
		h.ok(h.s.reading(h.ctx, func(c *lite.Conn) error {
			var tables []string
			if err := queryOnce(c, "SELECT name FROM sqlite_master WHERE type = 'table'", nil, func(r *lite.Stmt) error { tables = append(tables, r.ColText(0)); return nil }); err != nil {
				return err
			}
			for _, table := range tables {
				var columns []string
				var texts []bool
				if err := queryOnce(c, "SELECT name, type IN ('BLOB', 'TEXT') FROM pragma_table_info('"+table+"')", nil, func(r *lite.Stmt) error {
					columns, texts = append(columns, r.ColText(0)), append(texts, r.ColInt(1) != 0)
					return nil
				}); err != nil {
					return err
				}
				if err := queryOnce(c, "SELECT "+strings.Join(columns, ", ")+" FROM "+table, nil, func(r *lite.Stmt) error {
					row := storetest.TakenRow{Table: table, Values: map[string]string{}, Numbers: map[string]int64{}}
					for i, column := range columns {
						if texts[i] {
							row.Values[column] = r.ColText(i)
						} else {
							row.Numbers[column] = r.ColInt(i)
						}
					}
					taken.Rows = append(taken.Rows, row)
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		}))
		return taken
	})
}

// rankCorrelation is Spearman's, from -1 to 1.
func rankCorrelation(a, b []string) float64 {
	rank := func(all []string) map[string]int {
		sorted := slices.Sorted(slices.Values(all))
		ranks := map[string]int{}
		for i, s := range sorted {
			ranks[s] = i
		}
		return ranks
	}
	ra, rb := rank(a), rank(b)
	n, sum := float64(len(a)), 0.0
	for i := range a {
		d := float64(ra[a[i]] - rb[b[i]])
		sum += d * d
	}
	return 1 - 6*sum/(n*(n*n-1))
}

// uniform checks that all bytes are as frequent as chance has them: chi squared with 255 degrees of freedom.
func uniform(t *testing.T, s string) {
	t.Helper()
	var counts [256]float64
	for i := range len(s) {
		counts[s[i]]++
	}
	want, chi := float64(len(s))/256, 0.0
	for _, n := range counts {
		chi += (n - want) * (n - want) / want
	}
	if z := (chi - 255) / math.Sqrt(2*255); math.Abs(z) > 6 {
		t.Errorf("the bytes of the indexes are %.1f standard deviations from uniform", z)
	}
}

// unrelated checks that the indexes of the same numbers in two groups have nothing in common: no value, no constant
// difference, and half of all bits equal, as of two random values.
func unrelated(t *testing.T, a, b []string) {
	t.Helper()
	differ, seen := 0, map[string]bool{}
	for i := range a {
		if slices.Contains(b, a[i]) {
			t.Errorf("index %d stands in both groups", i)
		}
		var difference []byte
		for k := range len(a[i]) {
			difference = append(difference, a[i][k]^b[i][k])
			differ += mathbits.OnesCount8(a[i][k] ^ b[i][k])
		}
		if seen[string(difference)] {
			t.Errorf("two numbers have the same difference between the groups")
		}
		seen[string(difference)] = true
	}
	total := float64(len(a) * len(a[0]) * 8)
	if z := (float64(differ) - total/2) / math.Sqrt(total/4); math.Abs(z) > 5 {
		t.Errorf("%d of %.0f bits differ between the groups: %.1f standard deviations from half", differ, total, z)
	}
}
