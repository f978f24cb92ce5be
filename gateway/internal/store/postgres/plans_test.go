package postgres

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// big are the tables with a row for each member or message. No statement may read one from end to end.
var big = []string{"members", "contact_points", "consents", "suppressions", "suppressions_everywhere", "import_changes", "broadcasts", "renderings", "schedules", "occurrences", "deliveries", "attempts", "refs", "inbounds", "inbound_members", "threads", "thread_replies", "requests", "tallies", "alert_reports"}

// texts gathers the statements that ledgers ran.
type texts struct {
	mu  sync.Mutex
	all map[string]bool
}

// TraceQueryStart and the methods below make texts a tracer of pgx.
func (x *texts) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	x.add(data.SQL)
	return ctx
}

func (x *texts) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (x *texts) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	for _, q := range data.Batch.QueuedQueries {
		x.add(q.SQL)
	}
	return ctx
}

func (x *texts) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (x *texts) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

func (x *texts) add(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all[text] = true
}

// plannedWell looks at the plans of statements for tables that hold something: none may scan a big table, or read all of
// an index of one that holds more than what waits for something.
func (x *texts) plannedWell(t *testing.T) {
	ctx := context.Background()
	name := newDatabase(t, quick(t))
	s, err := Open(ctx, Options{URL: quick(t).URL(name), Ring: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := pgx.Connect(ctx, quick(t).URL(name))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, table := range big {
		if err := fill(ctx, conn, table, 5000); err != nil {
			t.Fatalf("filling %s: %v", table, err)
		}
	}
	if len(x.all) < 100 {
		t.Errorf("the suite ran %d statements only", len(x.all))
	}
	x.reads(t, conn) // the server knows no more than how large they are
	if _, err := conn.Exec(ctx, "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	x.reads(t, conn)
}

// reads looks at the plans as the server makes them now.
func (x *texts) reads(t *testing.T, conn *pgx.Conn) {
	ctx := context.Background()
	for text := range x.all {
		if !strings.Contains(text, "SELECT") && !strings.Contains(text, "UPDATE") && !strings.Contains(text, "DELETE") {
			continue
		}
		steps, err := plan(ctx, conn, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for _, step := range steps {
			for _, table := range big {
				if bad := reads(step, table); bad != "" {
					t.Errorf("%s\n%s of %s: %s", strings.Join(strings.Fields(text), " "), bad, table, step)
				}
			}
		}
	}
}

// fill writes rows of noise, of three groups.
func fill(ctx context.Context, conn *pgx.Conn, table string, n int) error {
	var columns, values []string
	rows, err := conn.Query(ctx, "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1", table)
	if err := each(rows, err, func(r pgx.Rows) error {
		var column, kind string
		err := r.Scan(&column, &kind)
		value := map[string]string{"uuid": "gen_random_uuid()", "bytea": "decode(md5(random()::text), 'hex')", "text": "md5(random()::text)", "boolean": "random() < 0.1", "smallint": "(random() * 5)::smallint"}[kind]
		switch {
		case column == "group_id":
			value = "md5((g % 3)::text)::uuid"
		case column == "state" && kind == "text":
			value = "'planned'"
		case value == "":
			value = "(random() * 1000000)::" + kind
		}
		columns, values = append(columns, column), append(values, value)
		return err
	}); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(1, %d) g", table, strings.Join(columns, ", "), strings.Join(values, ", "), n))
	return err
}

// plan is how the server carries out a statement whatever its arguments are, one step with its conditions a line.
func plan(ctx context.Context, conn *pgx.Conn, text string) (steps []string, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if _, err := tx.Exec(ctx, hotText); err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "SELECT set_config('plan_cache_mode', 'force_generic_plan', true)"); err != nil {
		return nil, err
	}
	d, err := tx.Prepare(ctx, "asked", text)
	if err != nil {
		return nil, err
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL, ", len(d.ParamOIDs)), ", ")
	if nulls != "" {
		nulls = "(" + nulls + ")"
	}
	rows, err := tx.Query(ctx, "EXPLAIN (COSTS off) EXECUTE asked"+nulls, pgx.QueryExecModeSimpleProtocol)
	if err := each(rows, err, func(r pgx.Rows) error {
		var line string
		err := r.Scan(&line)
		if line = strings.TrimSpace(line); strings.Contains(line, "Scan") || len(steps) == 0 {
			steps = append(steps, line)
		} else {
			steps[len(steps)-1] += " | " + line
		}
		return err
	}); err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "DEALLOCATE asked")
	return steps, err
}

// few are indexes that hold nothing but what waits for something that comes soon, or in rare cases.
var few = regexp.MustCompile(`using (deliveries_capped|deliveries_held|deliveries_move|broadcasts_unplanned|broadcasts_lapsing|broadcasts_forgetting|attempts_claimed|attempts_doubt|attempts_unconfirmed|contact_points_unplaced|inbounds_forgetting|inbounds_commands|threads_open|threads_unread|members_import)\b`)

// reads says what is wrong with a step of a plan.
func reads(step, table string) string {
	first, _, _ := strings.Cut(step, " | ")
	if !strings.Contains(first, "Scan") || !regexp.MustCompile(` on `+table+`\b`).MatchString(first) {
		return ""
	}
	switch {
	case strings.Contains(step, "Seq Scan"):
		return "a scan"
	case few.MatchString(step), strings.Contains(step, "Bitmap"): // a bitmap's index follows as a step of its own
		return ""
	case !strings.Contains(step, "Index Cond"):
		return "all of an index"
	case regexp.MustCompile(`Index Cond: \(group_id = [^)]*\)( \||$)`).MatchString(step) && table != "broadcasts":
		return "all that a group has"
	}
	return ""
}

// What is due is found group by group in the index, without sorting, and so is what will be.
func TestDueNeedsNoSort(t *testing.T) {
	p := quick(t)
	y := newYard(t, p.URL(newDatabase(t, p)), 600)
	y.plan()
	conn, err := pgx.Connect(y.ctx, y.s.pool.Config().ConnString())
	y.ok(err)
	defer conn.Close(y.ctx)
	_, err = conn.Exec(y.ctx, "ANALYZE")
	y.ok(err)
	for _, text := range []string{dueQuery, nextQuery} {
		steps, err := plan(y.ctx, conn, text)
		y.ok(err)
		whole := strings.Join(steps, "\n")
		if strings.Contains(whole, "Sort") || !strings.Contains(whole, "deliveries_due") {
			t.Errorf("%s", whole)
		}
	}
	shares, err := y.s.Due(y.ctx, y.channel.ID, gateway.Bulk, 50)
	y.ok(err)
	if len(shares) != 1 || len(shares[0].Deliveries) != 50 {
		t.Errorf("%d shares", len(shares))
	}
	at, err := y.s.NextDue(y.ctx, y.channel.ID, gateway.Bulk)
	if err != nil || !at.IsZero() {
		t.Errorf("what comes: %v, %v", at, err)
	}
}

var (
	_ pgx.QueryTracer = (*texts)(nil)
	_ pgx.BatchTracer = (*texts)(nil)
)
