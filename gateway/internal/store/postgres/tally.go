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

// writeTallies queues what the transaction has counted, in the order of the counters.
func (t *txn) writeTallies(batch *pgx.Batch) {
	var keys []tallyKey
	for _, k := range slices.SortedFunc(maps.Keys(t.tallies), tallyKey.compare) {
		if t.tallies[k] != 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	batch.Queue(`INSERT INTO tallies AS t (group_id, broadcast_id, channel_id, state, reason, shard, n) SELECT g, b, c, s, r, $6::smallint, n
	FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $7::bigint[]) AS u (g, b, c, s, r, n)
	ON CONFLICT (group_id, broadcast_id, channel_id, state, reason, shard) DO UPDATE SET n = t.n + excluded.n`,
		column(keys, func(k tallyKey) gateway.ID { return k.group }), column(keys, func(k tallyKey) gateway.ID { return k.broadcast }), column(keys, func(k tallyKey) gateway.ID { return k.channel }),
		column(keys, func(k tallyKey) string { return string(k.state) }), column(keys, func(k tallyKey) string { return string(k.reason) }), t.shard, column(keys, func(k tallyKey) int64 { return t.tallies[k] }))
}
