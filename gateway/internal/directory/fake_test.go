package directory_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// shelf is an import store in memory: what is staged can be seen only once it is published.
type shelf struct {
	gateway.Imports
	mu        sync.Mutex
	open      *gateway.Import
	staged    []gateway.StagedMember
	published []gateway.StagedMember
	largest   int
	discards  int
	stopped   string // an address against which a STOP stands
	failAt    int    // the Stage call that fails, from 1; zero: none
	calls     int
}

func (s *shelf) BeginImport(_ context.Context, imp gateway.Import) error {
	s.open = &imp
	return nil
}

func (s *shelf) Stage(ctx context.Context, _, _ gateway.ID, rows []gateway.StagedMember) ([]gateway.Staged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.calls++; s.calls == s.failAt {
		return nil, errors.New("the disk is full")
	}
	s.largest = max(s.largest, len(rows))
	answers := make([]gateway.Staged, len(rows))
	for i, r := range rows {
		for _, earlier := range s.staged {
			if r.Member.Ref != "" && earlier.Member.Ref == r.Member.Ref || r.Member.Ref == "" && earlier.Member.Ref == "" && earlier.Member.Points[0].Address == r.Member.Points[0].Address {
				answers[i] = gateway.Staged{Kind: gateway.StagedDuplicate, Line: earlier.Line}
			}
		}
		for _, p := range r.Member.Points {
			answers[i].Stopped = answers[i].Stopped || p.Address.Reveal() == s.stopped
		}
		if answers[i].Kind == gateway.StagedNew && len(s.staged) < 2000 {
			s.staged = append(s.staged, r)
		}
	}
	return answers, nil
}

func (s *shelf) Publish(context.Context, gateway.ID, gateway.ID) error {
	s.published, s.open = s.staged, nil
	return nil
}

func (s *shelf) Discard(ctx context.Context, _, _ gateway.ID) error {
	s.staged, s.open = nil, nil
	s.discards++
	return ctx.Err()
}

func parse(_ gateway.ID, kind, region, raw string) (channels.Address, error) {
	digits := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '+' {
			return r
		}
		return -1
	}, raw)
	if kind == "sms" && strings.HasPrefix(digits, "0") && region == "DE" {
		digits = "+49" + digits[1:]
	}
	if kind == "sms" && (!strings.HasPrefix(digits, "+") || len(digits) < 8) {
		return "", errors.New("\"" + raw + "\" is no telephone number")
	}
	if digits == "" {
		return "", errors.New(raw + " is no chat")
	}
	return channels.Address(digits), nil
}

var harbour = gateway.Group{
	ID: gateway.NewID(), Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Region: "DE",
	Topics: []gateway.Topic{{Name: "reports"}, {Name: "alerts"}},
}

func newDirectory(s *shelf) *directory.Directory {
	return directory.New(directory.Parts{Imports: s, Kinds: func(gateway.ID) []string { return []string{"sms", "telegram"} }, Parse: parse, Now: func() time.Time { return noon }, Calendars: func(context.Context, gateway.ID) ([]gateway.Calendar, error) {
		return []gateway.Calendar{{Name: "school"}}, nil
	}})
}

// take imports a file given as text.
func take(t *testing.T, s *shelf, file string, o gateway.ImportOptions) gateway.ImportReport {
	t.Helper()
	r, err := newDirectory(s).Import(t.Context(), harbour, strings.NewReader(file), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
