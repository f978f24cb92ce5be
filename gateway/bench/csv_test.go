package main

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
)

func TestCSV(t *testing.T) {
	ctx := context.Background()
	w, err := openWorld(ctx, t.TempDir(), "http://127.0.0.1:1", "", 64)
	if err != nil {
		t.Fatal(err)
	}
	people := directory.New(directory.Parts{Groups: w.store, Members: w.store, Audiences: w.store, Imports: w.store, Kinds: []string{sms.Kind}, Usable: w.Usable,
		Parse: func(_, region, raw string) (channels.Address, error) { return sms.ParseNumber(raw, region) }})
	var b bytes.Buffer
	b.WriteString("ref,name,locale,zone,sms,topics,consent_at,consent_wording\n")
	for i := range 100000 {
		fmt.Fprintf(&b, "r%d,Name %d,en,Europe/Berlin,+49151%08d,reports,2026-01-02T10:00:00Z,w1\n", i, i, i)
	}
	begin := time.Now()
	r, err := people.Import(ctx, w.group, &b, gateway.ImportOptions{Author: "x"})
	fmt.Println(time.Since(begin), err, r.New, r.Bad, r.Published, r.Problems[:min(3, len(r.Problems))])
	_ = w.store.Close()
}
