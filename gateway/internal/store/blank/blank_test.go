package blank_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// What one test writes into its ledger is in nobody else's.
func TestFoldersAreEmptyAndApart(t *testing.T) {
	ring, err := seal.NewRing(seal.NewSecret(), seal.Key{ID: "k1", Secret: seal.NewSecret()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: blank.Folder(t), Ring: ring})
		if err != nil {
			t.Fatal(err)
		}
		if channels, err := s.Channels(t.Context()); err != nil || len(channels) > 0 {
			t.Errorf("it holds %d channels, %v", len(channels), err)
		}
		if _, err := s.PutChannel(t.Context(), gateway.Channel{Name: "sms", Kind: "sms", Adapter: "sms"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
