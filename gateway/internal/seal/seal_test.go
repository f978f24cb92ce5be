package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"pgregory.net/rapid"
)

func group(t testing.TB) *seal.Group {
	g, err := seal.NewGroup(seal.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// A field opens under its own key at its own place, and nowhere else.
func TestAFieldOpensOnlyWhereItBelongs(t *testing.T) {
	g, other := group(t), group(t)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		place := rapid.SliceOf(rapid.Byte()).Draw(t, "place")
		box, wrapped, err := g.NewMember(place)
		if err != nil {
			t.Fatal(err)
		}
		sealed := box.Seal(plain, place)
		if len(plain) > 3 && bytes.Contains(sealed, plain) {
			t.Fatal("the plain text is readable")
		}
		again, err := g.Member(wrapped, place)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Open(sealed, place); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("opened %x, %v", got, err)
		}
		if _, err := again.Open(sealed, append(bytes.Clone(place), 1)); !errors.Is(err, seal.ErrOpen) {
			t.Fatal("opened at another place")
		}
		if _, err := other.Member(wrapped, place); !errors.Is(err, seal.ErrOpen) {
			t.Fatal("another group opened the member's key")
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "altered byte")
		sealed[at] ^= 1
		if _, err := again.Open(sealed, place); !errors.Is(err, seal.ErrOpen) {
			t.Fatal("altered bytes opened")
		}
	})
}

// The same number in two groups, or as another kind, gives unrelated indexes; in one group always the same.
func TestIndexesTellGroupsApart(t *testing.T) {
	a, b := group(t), group(t)
	number := "+12025550123"
	if !bytes.Equal(a.Addresses.Of("sms", number), a.Addresses.Of("sms", number)) {
		t.Error("an index is not stable")
	}
	for name, other := range map[string][]byte{
		"another group": b.Addresses.Of("sms", number),
		"another kind":  a.Addresses.Of("telegram", number),
		"suppression":   a.Suppression.Of("sms", number),
		"moved border":  a.Addresses.Of("sms"+"\x00"+number[:1], number[1:]),
	} {
		if bytes.Equal(a.Addresses.Of("sms", number), other) {
			t.Errorf("%s: the index is the same", name)
		}
	}
}

// After a rotation old wrappings open, new ones use the new key, and the index for STOP ALL stays.
func TestTheRingRotates(t *testing.T) {
	index := seal.NewSecret()
	old, next := seal.Key{ID: "k1", Secret: seal.NewSecret()}, seal.Key{ID: "k2", Secret: seal.NewSecret()}
	before, err := seal.NewRing(index, old)
	if err != nil {
		t.Fatal(err)
	}
	id, wrapped := before.Wrap([]byte("secret"), []byte("here"))
	after, err := seal.NewRing(index, next, old)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := after.Unwrap(id, wrapped, []byte("here")); err != nil || string(got) != "secret" {
		t.Fatalf("opened %q, %v", got, err)
	}
	if id, _ := after.Wrap(nil, nil); id != "k2" {
		t.Errorf("wrapped under %s", id)
	}
	if !bytes.Equal(before.Suppression().Of("sms", "x"), after.Suppression().Of("sms", "x")) {
		t.Error("a rotation lost the suppressions")
	}
	if _, err := before.Unwrap("k2", wrapped, []byte("here")); !errors.Is(err, seal.ErrOpen) {
		t.Error("an unknown key opened something")
	}
}

func BenchmarkOpenAddress(b *testing.B) {
	g := group(b)
	box, wrapped, _ := g.NewMember([]byte("place"))
	sealed := box.Seal([]byte("+12025550123"), []byte("address"))
	for b.Loop() {
		box, err := g.Member(wrapped, []byte("place"))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := box.Open(sealed, []byte("address")); err != nil {
			b.Fatal(err)
		}
	}
}
