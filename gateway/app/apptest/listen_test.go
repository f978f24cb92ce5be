package apptest_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/gateway/app"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestServeWhereTheAddressIsTaken: it says so, and lets the data folder go.
func TestServeWhereTheAddressIsTaken(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	taken, err := net.Listen("tcp", strings.TrimPrefix(w.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for range 2 { // the second would find the folder taken by the first
		err := app.Serve(t.Context(), app.Serving{File: w.ConfigFile(), Factories: builtin.All(), Log: io.Discard})
		if err == nil || !strings.Contains(err.Error(), "change listen") {
			t.Errorf("%v", err)
		}
	}
}
