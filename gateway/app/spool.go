package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/spool"
)

// spoolLimits bound what one process keeps on its disk: a webhook takes about half a kilobyte, and a file of its own.
var spoolLimits = spool.Limits{Records: 200_000, Bytes: 256 << 20}

// A process whose spool is not empty says so in the ledger, as soon as that answers, every spoolNoted for spoolNotedFor: the watchdog, and those who send,
// may be others.
const (
	spoolNoted    = time.Second
	spoolNotedFor = time.Minute
)

// openSpool opens the spool of a process that hears providers. One that cannot be written to keeps the process from starting.
func (a *App) openSpool(sealer spool.Sealer) (err error) {
	if !a.has(RoleInbound) {
		return nil
	}
	if a.spool, err = spool.Open(filepath.Join(a.Config.Data, "spool"), sealer, spoolLimits); err != nil {
		return err
	}
	if e := a.spool.Extent(); e.Records > 0 {
		a.Log.Info("the spool holds what providers reported while the ledger was away; it is brought there now", "records", e.Records, "oldest", e.Oldest)
	}
	a.metrics.MustRegister(measureSpool{a.spool})
	return nil
}

// spooled says what this process keeps on its disk; nil: it hears nobody.
func (a *App) spooled() *gateway.SpoolStatus {
	if a.spool == nil {
		return nil
	}
	e := a.spool.Extent()
	return &gateway.SpoolStatus{Records: e.Records, Bytes: e.Bytes, Oldest: e.Oldest.UTC(), Damaged: e.Damaged}
}

// noteSpool says in the ledger that the spool of this process is not empty.
func (a *App) noteSpool(ctx context.Context) error {
	var fence gateway.Fence
	var noted time.Time
	for wait := time.Duration(0); pause(ctx, wait); wait = spoolNoted {
		bounded, cancel := context.WithTimeout(ctx, 2*spoolNoted)
		switch {
		case a.spool.Extent().Records > 0:
			if fence.Held() && time.Since(noted) < spoolNotedFor/4 {
				break
			}
			if f, err := a.store.Hold(bounded, gateway.SpooledDuty(a.process), a.process, spoolNotedFor); err == nil { // or else the ledger is away, and everybody says so
				fence, noted = f, time.Now()
			}
		case fence.Held():
			if err := a.store.Leave(bounded, fence); err == nil {
				fence = gateway.Fence{}
			}
		}
		cancel()
	}
	return nil
}

// measureSpool gives what a spool holds.
type measureSpool struct{ *spool.Spool }

var (
	spoolRecords = prometheus.NewDesc("carillon_spool_records", "Webhooks that this process keeps on its disk until the ledger takes them.", nil, nil)
	spoolBytes   = prometheus.NewDesc("carillon_spool_bytes", "Their size.", nil, nil)
	spoolAge     = prometheus.NewDesc("carillon_spool_age_seconds", "How long ago the oldest of them came; 0: there is none.", nil, nil)
	spoolDamaged = prometheus.NewDesc("carillon_spool_damaged", "Records that could not be opened and were set aside.", nil, nil)
)

// Describe and Collect make it a collector.
func (m measureSpool) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{spoolRecords, spoolBytes, spoolAge, spoolDamaged} {
		to <- d
	}
}

// Collect gives the present figures.
func (m measureSpool) Collect(to chan<- prometheus.Metric) {
	e := m.Extent()
	age := 0.0
	if !e.Oldest.IsZero() {
		age = time.Since(e.Oldest).Seconds()
	}
	gauge := func(d *prometheus.Desc, v float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	gauge(spoolRecords, float64(e.Records))
	gauge(spoolBytes, float64(e.Bytes))
	gauge(spoolAge, age)
	gauge(spoolDamaged, float64(e.Damaged))
}
