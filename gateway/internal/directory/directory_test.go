package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
)

func TestAGroupIsStoredInCanonicalForm(t *testing.T) {
	g := harbour
	g.Locale, g.Fallback, g.Region = "pt-br", []string{"iw", "zh-hant"}, "ke"
	g.Topics = []gateway.Topic{{Name: "reports", Titles: map[string]string{"pt-br": "Boletins", "iw": "דוחות"}}}
	g, err := directory.CheckGroup(g)
	if fmt.Sprint(g.Topics[0].Titles) != "map[he:דוחות pt-BR:Boletins]" {
		t.Errorf("titles: %v", g.Topics[0].Titles)
	}
	if err != nil || g.Locale != "pt-BR" || fmt.Sprint(g.Fallback) != "[he zh-Hant]" || g.Region != "KE" {
		t.Errorf("%+v, %v", g, err)
	}
}

func TestEverythingWrongWithAGroupIsToldAtOnce(t *testing.T) {
	topics := []gateway.Topic{{Name: "Reports"}, {Name: "alerts"}, {Name: "alerts"}, {Name: "x1", Title: "two\nlines"},
		{Name: "x2", Titles: map[string]string{"marzipan": "Berichte"}}, {Name: "x3", Titles: map[string]string{"de": " "}}, {Name: "x4", Titles: map[string]string{"he": "a", "iw": "b"}}}
	for i := range 60 {
		topics = append(topics, gateway.Topic{Name: fmt.Sprintf("topic-%d", i)})
	}
	bad := gateway.Group{Slug: "-Harbour", Name: " ", Locale: "marzipan", Fallback: []string{"en", "en"}, Zone: "Local", Region: "Germany", Topics: topics, Floor: -1}
	_, err := directory.CheckGroup(bad)
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		t.Fatal(err)
	}
	for _, part := range []string{"slug", "name:", "locale", "fallback 2", "zone", "region", "67 are too many", "topic 1", "topic 3: alerts is named twice", "title of topic 4", "titles of topic 5", "titles of topic 6: de", "titles of topic 7: he is named twice", "floor -1"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("nothing of %q in: %v", part, err)
		}
	}
}

func TestMasking(t *testing.T) {
	for address, want := range map[gateway.Private]string{
		"+4930555010042": "+49…42", "ann@example.org": "a…@example.org", "700149": "7…49", "4711": "…", "": "…", "سامي٧٧": "س…٧٧",
	} {
		if got := directory.Mask(address).Reveal(); got != want {
			t.Errorf("masked as %s, want %s", got, want)
		}
	}
	m := gateway.Member{Name: "Álvaro", Points: []gateway.ContactPoint{{Address: "+4930555010042"}}}
	if masked := directory.Masked(m); masked.Name.Reveal() != "Á…" || masked.Points[0].Address.Reveal() != "+49…42" || m.Points[0].Address.Reveal() != "+4930555010042" {
		t.Error("masking must shorten a copy, and leave the member as she is")
	}
}

// people is a ledger with one member.
type people struct {
	unasked
	points []gateway.PointRef
}

// unasked is what these tests never call.
type unasked interface {
	Members(context.Context, gateway.ID, gateway.ID, int) ([]gateway.Member, error)
	Erase(context.Context, gateway.ID, gateway.ID) error
	Locales(context.Context, gateway.ID, int) ([]string, error)
	Opening(context.Context, gateway.ID, gateway.Audience, int, bool) (gateway.Opening, error)
}

func (p people) Recipients(_ context.Context, _ gateway.ID, a gateway.Audience, _ gateway.ID, _ int) ([]gateway.Recipient, error) {
	return []gateway.Recipient{{Member: a.Members[0], Points: p.points}}, nil
}

func (p people) Member(_ context.Context, _, id gateway.ID) (gateway.Member, error) {
	return gateway.Member{ID: id, Name: "Ann Bell", Ref: "K-17", Locale: "en", Zone: "UTC", Points: []gateway.ContactPoint{{ID: id, Kind: "sms", Address: "+447700900101", State: gateway.PointActive, Topics: []string{"reports"}}}}, nil
}

func (people) FindMembers(_ context.Context, _ gateway.ID, kind string, value gateway.Private) ([]gateway.ID, error) {
	if kind != "sms" || value.Reveal() != "+49305550100" {
		return nil, nil
	}
	return []gateway.ID{gateway.NewID()}, nil
}

func (p people) Evidence(_ context.Context, _, id gateway.ID) ([]gateway.Consent, error) {
	return []gateway.Consent{{PointID: id, Topic: "reports", Granted: true, Wording: "join-2", Locale: "en", At: noon, Proof: "paper form", Source: "import"}}, nil
}

func TestRoutesFollowHerOrderConsentAndTheChannelsThatServeHer(t *testing.T) {
	telegram := gateway.Channel{ID: gateway.NewID(), Kind: "telegram"}
	own, shared := gateway.Channel{ID: gateway.NewID(), Kind: "sms"}, gateway.Channel{ID: gateway.NewID(), Kind: "sms"}
	ids := []gateway.ID{gateway.NewID(), gateway.NewID(), gateway.NewID(), gateway.NewID(), gateway.NewID()}
	ledger := people{points: []gateway.PointRef{
		{ID: ids[0], Kind: "email", State: gateway.PointActive, Subscribed: true}, // no channel
		{ID: ids[1], Kind: "sms", State: gateway.PointStopped, Subscribed: true},
		{ID: ids[2], Kind: "telegram", State: gateway.PointActive, Subscribed: true},
		{ID: ids[3], Kind: "sms", State: gateway.PointUnconfirmed},
		{ID: ids[4], Kind: "sms", State: gateway.PointActive, Subscribed: true},
	}}
	d := directory.New(directory.Parts{Audiences: ledger, Usable: func(gateway.ID) []gateway.Channel { return []gateway.Channel{own, telegram, shared} }})
	got, err := d.Routes(t.Context(), harbour.ID, gateway.NewID(), "reports", gateway.Report)
	want := []gateway.Route{{Point: ids[2], Kind: "telegram", Channel: telegram.ID}, {Point: ids[4], Kind: "sms", Channel: own.ID}}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("report: %v, want %v (%v)", got, want, err)
	}
	got, _ = d.Routes(t.Context(), harbour.ID, gateway.NewID(), "", gateway.Account)
	if len(got) != 3 || got[1].Point != ids[3] {
		t.Errorf("an account message may go to a point that is not confirmed, never to a stopped one: %v", got)
	}
	ledger.points[2].State = gateway.PointStale // nothing routine goes where it may be read by somebody else, and what is urgent last
	for class, want := range map[gateway.Class][]gateway.ID{gateway.Report: {ids[4]}, gateway.Alert: {ids[4], ids[2]}, gateway.Account: {ids[3], ids[4], ids[2]}} {
		got, err = d.Routes(t.Context(), harbour.ID, gateway.NewID(), "reports", class)
		points := []gateway.ID{}
		for _, r := range got {
			points = append(points, r.Point)
		}
		if err != nil || !slices.Equal(points, want) {
			t.Errorf("%s with a stale contact point: %v, want %v (%v)", class, points, want, err)
		}
	}
	ledger.points[2].State = gateway.PointActive
	ledger.points[3].Country, ledger.points[4].Country = "KE", "DE"
	d.Groups = sendsTo{countries: []string{"DE"}}
	got, err = d.Routes(t.Context(), harbour.ID, gateway.NewID(), "", gateway.Account)
	if err != nil || len(got) != 2 || got[1].Point != ids[4] {
		t.Errorf("a country to which the group does not send: %v, %v", got, err)
	}
}

type groups = gateway.Groups // an embedded name must not hide a method

// sendsTo is a group that sends to some countries only.
type sendsTo struct {
	groups
	countries []string
}

func (s sendsTo) GroupByID(context.Context, gateway.ID) (gateway.Group, error) {
	return gateway.Group{Countries: s.countries}, nil
}

// A coordinator looks a member up by her number as people type it, and sees no more than she needs.
func TestFindingAndLookingShowNoMoreThanNeeded(t *testing.T) {
	d := directory.New(directory.Parts{Members: people{}, Parse: parse})
	ids, err := d.Find(t.Context(), harbour, "sms", "030 555 01 00")
	if err != nil || len(ids) != 1 {
		t.Fatalf("%v, %v", ids, err)
	}
	m, err := d.Look(t.Context(), harbour.ID, ids[0])
	if err != nil || m.Name.Reveal() != "A…" || m.Ref.Reveal() != "K…" || m.Points[0].Address.Reveal() != "+44…01" {
		t.Errorf("masked: %s, %s, %s (%v)", m.Name.Reveal(), m.Ref.Reveal(), m.Points[0].Address.Reveal(), err)
	}
	if _, err := d.Find(t.Context(), harbour, "sms", "nonsense"); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("a number that is none: %v", err)
	}
}

// FuzzImport takes any bytes as a file: whatever is published is whole and clean.
func FuzzImport(f *testing.F) {
	f.Add("ref,name,language,fallback,zone,sms,telegram,neutral,tags,order\na,Ann,en,es|fr,UTC,+447700900101,7,yes,x y,telegram\n")
	f.Add("sms;consent_topics;consent_wording;consent_language;consent_time;consent_proof\n+447700900101;reports;w;en;2026-01-01;\"two\nlines\"\n")
	f.Fuzz(func(t *testing.T, file string) {
		s := &shelf{}
		r, err := newDirectory(s).Import(t.Context(), harbour, strings.NewReader(file), gateway.ImportOptions{SkipBad: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.New+r.Changed+r.Bad < r.Rows || len(s.published) > r.New {
			t.Fatalf("rows are missing from the report: %+v", r)
		}
		for _, m := range s.published {
			if m.Member.Ref == "" && len(m.Member.Points) == 0 || m.Member.Locale == "" || m.Member.Zone == "" || strings.ContainsAny(m.Member.Name.Reveal(), "\x00\n\r") {
				t.Fatalf("line %d became half a member", m.Line)
			}
			for _, p := range m.Member.Points {
				again, err := parse(gateway.ID{}, p.Kind, "", p.Address.Reveal())
				if err != nil || again != channels.Address(p.Address.Reveal()) {
					t.Fatalf("line %d has an address that is not canonical", m.Line)
				}
				if (p.State == gateway.PointActive) != (len(p.Topics) > 0) || len(p.Topics) > 0 && len(m.Consents) == 0 {
					t.Fatalf("line %d is subscribed without evidence", m.Line)
				}
			}
		}
	})
}
