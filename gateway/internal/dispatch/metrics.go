package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// metrics counts by channel, lane and kind of failure, never by person.
type metrics struct {
	attempts *prometheus.CounterVec
	refusals *prometheus.CounterVec
	verdicts *prometheus.CounterVec
	sends    *prometheus.HistogramVec
	waiting  *prometheus.GaugeVec
	breakers *prometheus.GaugeVec
	pauses   *prometheus.GaugeVec
	troubles *prometheus.GaugeVec
	claims   [len(gateway.Lanes)]prometheus.Observer
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	seconds := prometheus.ExponentialBuckets(0.0005, 2.5, 13) // to half a minute
	m := &metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carillon_attempts_total", Help: "Attempts by how they were settled: accepted (handed over), delivered, refused, in doubt."}, []string{"channel", "lane", "state"}),
		refusals: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carillon_send_failures_total", Help: "Failed sends by class, scope and the provider's code."}, []string{"channel", "class", "scope", "code"}),
		verdicts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carillon_claims_total", Help: "Claims by the ledger's answer."}, []string{"channel", "verdict"}),
		sends:    prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "carillon_send_seconds", Help: "Time of one send of one part.", Buckets: seconds}, []string{"channel", "lane"}),
		waiting:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "carillon_lane_waiting", Help: "Ids that wait in a lane, which holds a window of the backlog."}, []string{"channel", "lane"}),
		breakers: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "carillon_breaker_open", Help: "1 while a provider does not answer."}, []string{"channel"}),
		pauses:   prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "carillon_channel_paused", Help: "1 while a channel is paused."}, []string{"channel"}),
		troubles: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "carillon_channel_incident", Help: "1 while a provider refuses a channel for the channel's own sake."}, []string{"channel", "trouble"}),
	}
	claims := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "carillon_claim_seconds", Help: "Time from asking for claims to having them.", Buckets: seconds}, []string{"lane"})
	for _, lane := range gateway.Lanes {
		m.claims[lane] = claims.WithLabelValues(lane.String())
	}
	if registry == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.attempts, m.refusals, m.verdicts, m.sends, m.waiting, m.breakers, m.pauses, m.troubles, claims} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

var verdictNames = map[gateway.Verdict]string{gateway.NotDue: "not due", gateway.Granted: "granted", gateway.Held: "held", gateway.Lapsed: "lapsed", gateway.Silenced: "silenced", gateway.Unusable: "unusable", gateway.Capped: "capped"}

// lineMetrics are those of one channel, looked up once.
type lineMetrics struct {
	m        *metrics
	name     string
	attempts [len(gateway.Lanes)]map[gateway.AttemptState]prometheus.Counter
	verdicts map[gateway.Verdict]prometheus.Counter
	sends    [len(gateway.Lanes)]prometheus.Observer
	waiting  [len(gateway.Lanes)]prometheus.Gauge

	mu    sync.Mutex
	codes map[string]bool
}

func (m *metrics) line(name string) *lineMetrics {
	l := &lineMetrics{m: m, name: name, verdicts: map[gateway.Verdict]prometheus.Counter{}, codes: map[string]bool{}}
	for _, lane := range gateway.Lanes {
		l.attempts[lane] = map[gateway.AttemptState]prometheus.Counter{}
		for _, s := range []gateway.AttemptState{gateway.InDoubt, gateway.Accepted, gateway.Refused, gateway.AttemptDelivered} {
			l.attempts[lane][s] = m.attempts.WithLabelValues(name, lane.String(), s.String())
		}
		l.sends[lane] = m.sends.WithLabelValues(name, lane.String())
		l.waiting[lane] = m.waiting.WithLabelValues(name, lane.String())
	}
	for v, text := range verdictNames {
		l.verdicts[v] = m.verdicts.WithLabelValues(name, text)
	}
	return l
}

func (l *lineMetrics) claimed(v gateway.Verdict) { l.verdicts[v].Inc() }

func (l *lineMetrics) settled(lane gateway.Lane, o *gateway.Outcome) {
	if c := l.attempts[lane][o.State]; c != nil {
		c.Inc()
	}
}

func (l *lineMetrics) sent(lane gateway.Lane, took time.Duration) {
	l.sends[lane].Observe(took.Seconds())
}

func (l *lineMetrics) refused(e *channels.Error) {
	l.m.refusals.WithLabelValues(l.name, e.Class.String(), string(e.Scope), l.code(e.Code)).Inc()
}

// mostCodes bounds the codes of one channel that get a time series of their own.
const mostCodes = 100

// code lets only what looks like a provider's code become a label.
func (l *lineMetrics) code(code string) string {
	if len(code) > 32 {
		return "other"
	}
	for _, r := range code {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '.' && r != '-' && r != '_' {
			return "other"
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.codes[code] && len(l.codes) >= mostCodes {
		return "other"
	}
	l.codes[code] = true
	return code
}

func (l *lineMetrics) paused(is bool)  { set(l.m.pauses.WithLabelValues(l.name), is) }
func (l *lineMetrics) breaker(is bool) { set(l.m.breakers.WithLabelValues(l.name), is) }

// incident shows the open one; nil: there is none.
func (l *lineMetrics) incident(i *gateway.Incident) {
	l.m.troubles.DeletePartialMatch(prometheus.Labels{"channel": l.name})
	if i != nil {
		l.m.troubles.WithLabelValues(l.name, i.Trouble).Set(1)
	}
}

func set(g prometheus.Gauge, is bool) {
	if is {
		g.Set(1)
	} else {
		g.Set(0)
	}
}

// gauge measures the lanes.
func (d *Dispatcher) gauge(ctx context.Context) {
	d.mu.RLock()
	lines := make([]*line, 0, len(d.lines))
	for _, l := range d.lines {
		lines = append(lines, l)
	}
	d.mu.RUnlock()
	for _, l := range lines {
		for _, lane := range gateway.Lanes {
			if waiting, _, err := d.o.Queue.Len(ctx, queue.Lane{Channel: l.id, Lane: lane}); err == nil {
				l.metrics.waiting[lane].Set(float64(waiting))
			}
		}
		l.halts.mu.Lock()
		paused := l.halts.manual || l.halts.auth || l.halts.until.After(d.o.Now())
		l.halts.mu.Unlock()
		l.metrics.paused(paused)
	}
}
