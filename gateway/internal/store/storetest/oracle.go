package storetest

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// Taken is what somebody has who took the ledger but not the keys (threat T2).
type Taken struct {
	Rows  []TakenRow
	Files []byte // a dump as text, and the database's own files
}

// TakenRow is one row of a table.
type TakenRow struct {
	Table   string
	Values  map[string]string // by column; bytes as they are
	Numbers map[string]int64
}

// oracleStem begins every number of the test, so that traces of any are found in one pass.
const oracleStem = "49151"

// TellNothing seeds people into two groups, each of them into both in an order of its own, lets half of them do everything
// that leaves rows behind, and has the ledger taken. Over all seeded numbers and as many strangers' an oracle that knows the
// code and every number, but no key, must find no trace of any; and no value that belongs to a person in one group may
// stand in the other.
func TellNothing(t *testing.T, s store.Store, take func() Taken) {
	ctx := context.Background()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	topics := []gateway.Topic{{Name: "reports"}}
	var groups [2]gateway.Group
	for i, slug := range []string{"quay", "hollow"} {
		var err error
		groups[i], err = s.PutGroup(ctx, gateway.Group{Slug: slug, Name: slug, Locale: "de", Zone: "Europe/Berlin", Topics: topics})
		ok(err)
	}
	channel, err := s.PutChannel(ctx, gateway.Channel{Name: "shared-by-both", Adapter: "sms", Kind: "sms", Options: []byte("{}")})
	ok(err)
	const people = 60
	list := make([]string, 2*people)
	for i := range list {
		list[i] = fmt.Sprintf("+%s%07d", oracleStem, 1000+i)
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	members := list[:people]
	for _, g := range groups {
		order := slices.Clone(members)
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		imp := gateway.NewID()
		ok(s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: g.ID, Author: "office", At: time.Now()}))
		var rows []gateway.StagedMember
		for i, number := range order {
			point := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: i + 2, Member: gateway.Member{Locale: "de", Zone: "Europe/Berlin", Ref: gateway.Private("ref " + number), Name: gateway.Private("name " + number), Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: gateway.Private(number)}}},
				Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "de", Proof: gateway.Private("paper of " + number), Source: "import"}}})
		}
		_, err := s.Stage(ctx, g.ID, imp, rows)
		ok(err)
		ok(s.Publish(ctx, g.ID, imp))
	}
	// What a person does who is in both groups, over a channel that both use: the provider's event is one, the rows are two.
	visits := time.Now()
	for i, number := range members[:people/2] {
		for _, g := range groups {
			ids, err := s.FindMembers(ctx, g.ID, "sms", gateway.Private(number))
			ok(err)
			m, err := s.Member(ctx, g.ID, ids[0])
			ok(err)
			_, err = s.Receive(ctx, gateway.InboundMessage{ID: gateway.NewID(), GroupID: g.ID, ChannelID: channel.ID, EventID: fmt.Sprintf("SM%030d", i), MemberIDs: ids, Kind: "sms", From: gateway.Private(number), Text: gateway.Private("I am " + number), At: time.Now()})
			ok(err)
			_, digest := gateway.MintPageToken()
			ok(s.PutPageLink(ctx, gateway.PageLink{ID: gateway.NewID(), GroupID: g.ID, MemberID: m.ID, PointID: m.Points[0].ID, Digest: digest, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}))
			ok(s.ProvePoint(ctx, g.ID, m.ID, gateway.ContactPoint{ID: gateway.NewID(), Kind: "email", Address: gateway.Private(number + "@example.org")}))
			if i%2 == 0 {
				_, err = s.StopAddress(ctx, g.ID, "sms", gateway.Private(number), gateway.Consent{Source: "member", At: time.Now(), Proof: gateway.Private("STOP from " + number)})
				ok(err)
			} else {
				ok(s.Wish(ctx, g.ID, m.ID, gateway.Wish{Topics: []gateway.TopicWish{{Point: m.Points[0].ID, Topic: "reports"}}}, gateway.Consent{Source: "member", Proof: gateway.Private("a wish of " + number)}))
			}
		}
	}
	began, ended := visits.UnixMilli(), time.Now().UnixMilli()
	taken := take()
	if len(taken.Rows) < 10*people {
		t.Fatalf("only %d rows were taken", len(taken.Rows))
	}
	o := newOracle(taken)
	for i, number := range list {
		if trace := o.suspects(number); trace != "" {
			t.Errorf("the oracle finds number %d (a member: %v) without a key: %s", i, i < people, trace)
		}
	}
	for _, number := range o.inFiles(list) {
		t.Errorf("number %d stands in the files", slices.Index(list, number))
	}
	for name, planted := range map[string]string{"in clear": "x" + list[0] + "y", "reversed": reversed(list[0][1:]), "in hexadecimal": hex.EncodeToString([]byte(list[0])), "in base64": base64.StdEncoding.EncodeToString([]byte(list[0]))} {
		leaky := oracle{files: []byte(planted)}
		if found := leaky.inFiles(list); len(found) != 1 || found[0] != list[0] {
			t.Errorf("the oracle does not see a number that stands %s: %v", name, found)
		}
	}
	linked(t, taken, groups)
	moments(t, taken, groups, began, ended)
}

// passing are the tables whose rows do tell when something was said, and why that passes.
var passing = map[string]string{
	"inbounds":        "commands are nobody's after a day, messages after thirty or as the group says",
	"inbound_members": "as inbounds",
	"page_links":      "a link ends by itself, and who asks for one asks each group",
}

// moments fails if a row of one group that stays tells to the millisecond when somebody did something: with the row of another
// group that the same visit left it would tell that both are hers. Times are numbers, in seconds or finer, or stand in a UUIDv7.
func moments(t *testing.T, taken Taken, groups [2]gateway.Group, began, ended int64) {
	t.Helper()
	found, looked := map[string]int{}, map[string]int{}
	within := func(at int64) bool { return at > began && at <= ended }
	for _, row := range taken.Rows {
		if passing[row.Table] != "" || !slices.ContainsFunc(groups[:], func(g gateway.Group) bool { return row.Values["group_id"] == string(g.ID[:]) }) {
			continue
		}
		looked[row.Table]++
		for column, n := range row.Numbers {
			if within(n) || within(n/1000) {
				found[row.Table+"."+column]++
			}
		}
		for column, value := range row.Values {
			var id gateway.ID
			if copy(id[:], value) == len(id) && len(value) == len(id) && id[6]>>4 == 7 && within(id.Time().UnixMilli()) && row.Table+"."+column != "contact_points.id" { // of an address that she adds on the page of one group
				found[row.Table+"."+column]++
			}
		}
	}
	for at, n := range found {
		t.Errorf("%s tells in %d rows when somebody did something", at, n)
	}
	if looked["consents"] < 100 || looked["suppressions"] < 20 {
		t.Errorf("only %d pieces of evidence and %d STOPs were looked at", looked["consents"], looked["suppressions"])
	}
}

// linked fails if a value that is somebody's own in one group stands in the other. What is short or the group's or the
// instance's own is the same for many; what is sealed, indexed, or given by a provider must not be.
func linked(t *testing.T, taken Taken, groups [2]gateway.Group) {
	t.Helper()
	common := map[string]bool{} // in rows of no group: of channels, say
	var own [2]map[string]string
	own[0], own[1] = map[string]string{}, map[string]string{}
	for _, row := range taken.Rows {
		in := slices.IndexFunc(groups[:], func(g gateway.Group) bool { return row.Values["group_id"] == string(g.ID[:]) })
		for column, value := range row.Values {
			if in < 0 {
				common[value] = true
			} else if len(value) >= 12 && column != "group_id" {
				own[in][value] = row.Table + "." + column
			}
		}
	}
	if len(own[0]) < 500 {
		t.Fatalf("a group has only %d values of its own", len(own[0]))
	}
	shared := 0
	for value, at := range own[0] {
		// Words of many, such as a zone, are nobody's own.
		if other, ok := own[1][value]; ok && !common[value] && strings.Contains(value, "Europe/") == false {
			if shared++; shared <= 5 {
				t.Errorf("%s of one group and %s of the other hold the same %d bytes", at, other, len(value))
			}
		}
		// A name that is made of a group's and a common part tells as much.
		if cut := strings.TrimPrefix(value, groups[0].ID.String()); cut != value && len(cut) >= 12 {
			if other, ok := own[1][groups[1].ID.String()+cut]; ok {
				if shared++; shared <= 5 {
					t.Errorf("%s of one group and %s of the other differ by the group's name alone", at, other)
				}
			}
		}
	}
}

// oracle knows all the code and every number, and has no key.
type oracle struct {
	values map[string]string // value → where
	files  []byte
	keys   [][]byte
}

func newOracle(taken Taken) *oracle {
	o := &oracle{values: map[string]string{}, files: taken.Files}
	keys := map[string]bool{}
	for _, row := range taken.Rows {
		for column, value := range row.Values {
			o.values[value] = row.Table + "." + column
			if (row.Table == "groups" || row.Table == "channels" || row.Table == "imports") && len(value) <= 80 {
				keys[value] = true
			}
		}
	}
	for key := range keys {
		o.keys = append(o.keys, []byte(key))
	}
	return o
}

// suspects looks for a number hashed without a key, or with anything of the ledger as the key.
func (o *oracle) suspects(number string) (where string) {
	there := func(sum []byte) bool {
		for _, n := range []int{8, 16, 20, 32, len(sum)} {
			if n > len(sum) {
				continue
			}
			for _, form := range []string{string(sum[:n]), hex.EncodeToString(sum[:n]), base64.StdEncoding.EncodeToString(sum[:n])} {
				if at := o.values[form]; at != "" {
					where = at
				}
			}
		}
		return where != ""
	}
	for _, text := range []string{number, number[1:], "sms\x00" + number, "sms" + number, "sms:" + number, "proving email\x00" + number + "@example.org", number + "@example.org"} {
		plain := []byte(text)
		a, b, c, d := md5.Sum(plain), sha1.Sum(plain), sha256.Sum256(plain), sha512.Sum512(plain)
		if there(a[:]) || there(b[:]) || there(c[:]) || there(d[:]) {
			return where
		}
		for _, key := range o.keys {
			mac := hmac.New(sha256.New, key)
			_, _ = mac.Write(plain)
			if there(mac.Sum(nil)) {
				return where
			}
		}
	}
	return ""
}

// inFiles finds the numbers that stand anywhere in clear or in a common encoding, by the stem that all of them have.
func (o *oracle) inFiles(numbers []string) (found []string) {
	for _, encode := range []func(string) string{
		func(s string) string { return s }, func(s string) string { return hex.EncodeToString([]byte(s)) }, reversed,
		func(s string) string { return base64.StdEncoding.EncodeToString([]byte("+" + s)) },
	} {
		stem := encode(oracleStem)
		if strings.HasSuffix(stem, "=") || strings.HasPrefix(stem, "Kz") { // whole groups of base64 only
			stem = strings.TrimRight(stem, "=")
			stem = stem[:len(stem)/4*4]
		}
		byForm := map[string]string{}
		for _, number := range numbers {
			byForm[encode(number[1:])] = number
		}
		length := len(encode(numbers[0][1:]))
		for rest := o.files; ; {
			i := bytes.Index(rest, []byte(stem))
			if i < 0 {
				break
			}
			from := i
			if stem == reversed(oracleStem) { // a reversed number ends with it
				from = i + len(stem) - length
			}
			if from >= 0 && from+length <= len(rest) {
				if number := byForm[string(rest[from:from+length])]; number != "" {
					found = append(found, number)
				}
			}
			rest = rest[i+1:]
			if stem == reversed(oracleStem) && i+1 >= length { // keep what the next one may begin with
				continue
			}
		}
	}
	return found
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}
