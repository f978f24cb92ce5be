package storetest

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func reviews(t *testing.T, open Open) {
	w := newWorld(t, open)
	review := func(digit, by string) gateway.Review {
		w.clock.Wind(time.Second)
		r := gateway.Review{Digest: strings.Repeat(digit, 64), Name: "pointer", Locale: "fa", By: by, At: w.clock.Now().UTC()}
		w.ok(w.PutReview(w.ctx, w.group.ID, r))
		return r
	}
	has := func(group gateway.ID, want ...gateway.Review) {
		t.Helper()
		got, err := w.Reviews(w.ctx, group)
		w.ok(err)
		if len(got) == 0 && len(want) == 0 {
			return
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("the reviews are\n%+v, want\n%+v", got, want)
		}
	}
	has(w.group.ID)
	a, b := review("a", "Ana"), review("b", "Ben")
	has(w.group.ID, b, a)
	has(w.other.ID)
	a = review("a", "Aylin") // she has read it again, and stands in the place of the one before
	has(w.group.ID, a, b)

	// Another group has its own reviews of the same text.
	theirs := a
	theirs.By = "Tove"
	w.ok(w.PutReview(w.ctx, w.other.ID, theirs))
	has(w.group.ID, a, b)
	has(w.other.ID, theirs)
	w.ok(w.DropReview(w.ctx, w.other.ID, a.Digest))
	w.fails(w.DropReview(w.ctx, w.other.ID, a.Digest), gateway.CodeNotFound)
	w.fails(w.DropReview(w.ctx, w.other.ID, b.Digest), gateway.CodeNotFound)
	has(w.group.ID, a, b)
	w.crash()
	has(w.group.ID, a, b)
}
