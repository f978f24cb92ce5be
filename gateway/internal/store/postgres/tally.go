package postgres

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// tallyKey names one counter.
type tallyKey struct {
	group, broadcast, channel gateway.ID
	state                     gateway.DeliveryState
	reason                    gateway.Reason
}

func (k tallyKey) compare(l tallyKey) int {
	return cmp.Or(bytes.Compare(k.group[:], l.group[:]), bytes.Compare(k.broadcast[:], l.broadcast[:]), bytes.Compare(k.channel[:], l.channel[:]),
		cmp.Compare(k.state, l.state), cmp.Compare(k.reason, l.reason))
}

// tally notes that n deliveries entered (or, below zero, left) a state; the transaction writes the sums at its end.
func (t *txn) tally(k tallyKey, n int64) {
	if t.tallies == nil {
		t.tallies = map[tallyKey]int64{}
	}
	t.tallies[k] += n
}

// flush queues what the transaction has counted, in the order of the counters.
func (t *txn) flush(batch *pgx.Batch) {
	for _, k := range slices.SortedFunc(maps.Keys(t.tallies), tallyKey.compare) {
		if n := t.tallies[k]; n != 0 {
			batch.Queue("INSERT INTO tallies AS t (group_id, broadcast_id, channel_id, state, reason, shard, n) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (group_id, broadcast_id, channel_id, state, reason, shard) DO UPDATE SET n = t.n + excluded.n",
				k.group, k.broadcast, k.channel, string(k.state), string(k.reason), t.shard, n)
		}
	}
}
