package postgres

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// An alert's text is stopped while somebody claims it: the claim waits for the stop, and nothing leaves.
func TestAnUrgentClaimWaitsForAStop(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 3)
	b, ids := y.plan()
	other, err := Open(y.ctx, Options{URL: url, Ring: newRing(t), MaxConns: 4})
	y.ok(err)
	defer other.Close()
	stopping, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- other.do(y.ctx, true, func(x *txn) error {
			_, err := x.exec("UPDATE broadcasts SET stopped = true WHERE id = $1", b.ID)
			close(stopping)
			<-goOn
			return err
		})
	}()
	<-stopping
	claimed := make(chan []gateway.Claim, 1)
	go func() {
		_, claims, err := y.s.Exchange(y.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute, Urgent: true}, nil, ids)
		if err != nil {
			t.Error(err)
		}
		claimed <- claims
	}()
	var claims []gateway.Claim
	for waiting := 0; waiting == 0 && claims == nil; {
		y.ok(other.pool.QueryRow(y.ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted").Scan(&waiting))
		select {
		case claims = <-claimed:
		default:
		}
	}
	close(goOn)
	y.ok(<-ended)
	if claims == nil {
		claims = <-claimed
	}
	for _, c := range claims {
		if c.Verdict == gateway.Granted {
			t.Errorf("%s leaves although it was stopped", c.Delivery)
		}
	}
}
