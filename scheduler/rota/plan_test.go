package rota

import (
	"archive/zip"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

var ann, bea, cleo = gateway.ID{1}, gateway.ID{2}, gateway.ID{3}

func zones(t *testing.T) []string {
	r, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var names []string
	for _, f := range r.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	if len(names) < 400 {
		t.Fatalf("only %d zones", len(names))
	}
	return names
}

// holds checks that turns cover a time without hole or overlap, and that each instant's turn is the one that At gives.
func holds(t interface{ Fatalf(string, ...any) }, p *Plan, from, to time.Time) {
	turns := p.Turns(from, to)
	if len(turns) == 0 || turns[0].From.After(from) || turns[len(turns)-1].To.Before(to) {
		t.Fatalf("%s: turns do not cover the time: %v", p.rota.Zone, turns)
	}
	for i, turn := range turns {
		if !turn.From.Before(turn.To) || i > 0 && !turn.From.Equal(turns[i-1].To) {
			t.Fatalf("%s: turns do not meet: %v, %v", p.rota.Zone, turns[max(i-1, 0)], turn)
		}
		for _, at := range []time.Time{turn.From, turn.From.Add(turn.To.Sub(turn.From) / 2), turn.To.Add(-time.Nanosecond)} {
			if got, ok := p.At(at); !ok || got != turn {
				t.Fatalf("%s at %v: %v, the turn is %v", p.rota.Zone, at, got, turn)
			}
		}
	}
}

// TestEveryZoneHasOneHolder walks through eleven years of every zone with turns that change at an hour that clocks skip or show
// twice somewhere.
func TestEveryZoneHasOneHolder(t *testing.T) {
	from, to := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2035, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, name := range zones(t) {
		r := gateway.Rota{Rotation: gateway.Rotation{Kind: gateway.RotaWeeks, Every: 1, Zone: name, Start: civil.At(2023, 12, 24, i%4, 30*(i%2), 0), Members: []gateway.ID{ann, bea, cleo}}}
		p, err := Read(&r, nil)
		if err != nil {
			t.Fatal(err)
		}
		holds(t, p, from, to)
		n := 0
		for _, turn := range p.Turns(from, to) {
			if turn.Member != r.Members[(n+1)%3] { // the first began before
				t.Fatalf("%s: turn %d is %v", name, n, turn)
			}
			if w := civil.Of(turn.From, p.loc); w.Note != civil.Second && civil.In(r.Start+civil.Wall(n+1)*7*civil.Day, p.loc).Instant() != turn.From {
				t.Fatalf("%s: turn %d begins at %v", name, n, w)
			}
			n++
		}
	}
}

// TestAnyRotaHasOneHolder takes any rotation of any zone with any changes.
func TestAnyRotaHasOneHolder(t *testing.T) {
	names := zones(t)
	people := []gateway.ID{{}, ann, bea, cleo}
	rapid.Check(t, func(t *rapid.T) {
		begin := civil.Wall(rapid.Int64Range(1.2e9, 2e9).Draw(t, "start")).Floor(civil.Minute)
		wall := func(name string) civil.Wall {
			return begin + civil.Wall(rapid.Int64Range(-3*86400, 40*86400).Draw(t, name))
		}
		r := gateway.Rota{Rotation: gateway.Rotation{Zone: rapid.SampledFrom(names).Draw(t, "zone"), Kind: rapid.SampledFrom([]gateway.RotaKind{gateway.RotaDays, gateway.RotaWeeks, gateway.RotaList}).Draw(t, "kind"), Start: begin}}
		if r.Kind == gateway.RotaList {
			at := begin
			for range rapid.IntRange(1, 20).Draw(t, "turns") {
				r.Turns = append(r.Turns, gateway.ListedTurn{From: at, Member: rapid.SampledFrom(people).Draw(t, "turn")})
				at += civil.Wall(rapid.Int64Range(60, 3*86400).Draw(t, "lasts"))
			}
			r.Until = at + 40*civil.Day
		} else {
			r.Every = rapid.IntRange(1, 3).Draw(t, "every")
			r.Members = rapid.SliceOfN(rapid.SampledFrom(people[1:]), 0, 4).Draw(t, "members")
		}
		for range rapid.IntRange(0, 4).Draw(t, "overrides") {
			from := wall("from")
			r.Overrides = append(r.Overrides, gateway.RotaOverride{From: from, To: from + civil.Wall(rapid.Int64Range(60, 9*86400).Draw(t, "for")), Member: rapid.SampledFrom(people).Draw(t, "member")})
		}
		for range rapid.IntRange(0, 3).Draw(t, "absences") {
			from := wall("away")
			r.Away = append(r.Away, gateway.Absence{From: from, To: from + civil.Wall(rapid.Int64Range(60, 9*86400).Draw(t, "for")), Member: rapid.SampledFrom(people[1:]).Draw(t, "member")})
		}
		p, err := Read(&r, func(id gateway.ID) bool { return id == cleo && len(r.Away)%2 == 1 })
		if err != nil {
			t.Fatal(err)
		}
		from := p.instant(begin)
		holds(t, p, from, from.Add(20*24*time.Hour))
		for _, turn := range p.Turns(from, from.Add(20*24*time.Hour)) {
			for _, c := range p.changes {
				if c.by == nil && c.away == turn.Member && turn.From.Before(c.to) && c.from.Before(turn.To) {
					t.Fatalf("%v is on duty while she is away", turn)
				}
			}
		}
	})
}

// TestClockChanges tells of the turns that a person would count on her fingers.
func TestClockChanges(t *testing.T) {
	for _, c := range []struct {
		zone  string
		start civil.Wall
		want  []string // hours of each turn
	}{
		{"Europe/Berlin", civil.At(2026, 3, 28, 2, 30, 0), []string{"24h0m0s", "23h0m0s", "24h0m0s"}},       // 02:30 is skipped on the 29th
		{"Europe/Berlin", civil.At(2026, 10, 24, 2, 30, 0), []string{"24h0m0s", "25h0m0s", "24h0m0s"}},      // the first of two 02:30
		{"Pacific/Apia", civil.At(2011, 12, 28, 9, 0, 0), []string{"24h0m0s", "24h0m0s", "24h0m0s"}},        // no 30 December: its turn takes no time
		{"Australia/Lord_Howe", civil.At(2026, 4, 4, 1, 45, 0), []string{"24h0m0s", "24h30m0s", "24h0m0s"}}, // half an hour
	} {
		r := gateway.Rota{Rotation: gateway.Rotation{Kind: gateway.RotaDays, Every: 1, Zone: c.zone, Start: c.start, Members: []gateway.ID{ann, bea}}}
		p, err := Read(&r, nil)
		if err != nil {
			t.Fatal(err)
		}
		from := p.instant(c.start)
		for i, turn := range p.Turns(from, from.Add(72*time.Hour))[:3] {
			if got := turn.To.Sub(turn.From).String(); got != c.want[i] {
				t.Errorf("%s: turn %d lasts %s, want %s", c.zone, i, got, c.want[i])
			}
		}
	}
}
