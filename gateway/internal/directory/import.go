package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// chunkRows is how many rows are staged in one call.
const chunkRows = 500

// tidyTime is how long discarding may take after the caller has gone.
const tidyTime = 30 * time.Second

// Import takes in a file of members: UTF-8, separated by commas, semicolons or tabs, its columns named in the first
// line (see the manual's page on members). It uses constant memory. Rows are staged in chunks, invisible, and
// published in one step; whatever goes wrong before that, the reader's end included, leaves everything as it was.
//
// The report is complete also when nothing is published, and err is nil then: bad rows are the file's fault, not the
// call's. err tells of the store, the reader and the context.
func (d *Directory) Import(ctx context.Context, group gateway.Group, file io.Reader, o gateway.ImportOptions) (gateway.ImportReport, error) {
	imp := gateway.Import{ID: gateway.NewID(), GroupID: group.ID, Author: o.Author, At: d.Now()}
	t := &tally{report: gateway.ImportReport{ID: imp.ID, Problems: []gateway.ImportProblem{}, Counts: map[gateway.ImportFlaw]int{}}}
	if err := d.Imports.BeginImport(ctx, imp); err != nil {
		return gateway.ImportReport{}, fmt.Errorf("begin an import: %w", err)
	}
	err := d.stageAll(ctx, group, imp.ID, file, t, o.Progress)
	r := &t.report
	publish := err == nil && !o.DryRun && !r.Unreadable && (r.Bad == 0 || o.SkipBad) && r.New+r.Changed > 0
	if publish {
		if err := d.Imports.Publish(context.WithoutCancel(ctx), group.ID, imp.ID); err != nil {
			return gateway.ImportReport{}, fmt.Errorf("publish an import (it is finished or undone at the next start): %w", err)
		}
		r.Published = true
		return *r, nil
	}
	tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyTime)
	defer cancel()
	if undo := d.Imports.Discard(tidy, group.ID, imp.ID); undo != nil {
		err = errors.Join(err, fmt.Errorf("discard an import (it is undone at the next start): %w", undo))
	}
	if err != nil {
		return gateway.ImportReport{}, err
	}
	return *r, nil
}

// stageAll reads and stages; the next rows are read while a chunk is written.
func (d *Directory) stageAll(ctx context.Context, group gateway.Group, imp gateway.ID, file io.Reader, t *tally, progress func(int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	chunks := make(chan chunk, 1)
	read := make(chan error, 1)
	go func() {
		defer close(chunks)
		read <- d.readAll(ctx, group, imp, file, chunks)
	}()
	var failed error
	for c := range chunks {
		if failed != nil {
			continue // the reader is stopping
		}
		if failed = d.stage(ctx, group.ID, imp, c, t); failed != nil {
			cancel()
		} else if progress != nil {
			progress(t.report.Rows)
		}
	}
	err := <-read
	if failed != nil {
		return failed
	}
	return err
}

// chunk is what the reader hands to the stage: rows to write and problems found on the way, in order of lines.
type chunk struct {
	rows     []gateway.StagedMember
	problems []rowProblems
	read     int  // rows with data
	broken   bool // reading stopped here
}

// rowProblems is what is wrong with one row.
type rowProblems []gateway.ImportProblem

func (d *Directory) readAll(ctx context.Context, group gateway.Group, imp gateway.ID, file io.Reader, chunks chan<- chunk) error {
	var c chunk
	hand := func() error {
		select {
		case chunks <- c:
			c = chunk{rows: make([]gateway.StagedMember, 0, chunkRows)}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	rows, err := newSplitter(file)
	var head []string
	line := 1
	if err == nil {
		head, line, err = rows.next()
	}
	if err == io.EOF {
		c.add(true, gateway.ImportProblem{Line: 1, Flaw: gateway.FlawHeader, Text: "the file is empty; its first line must name the columns"})
		return hand()
	}
	var r *reader
	if err == nil {
		columns, problems := readHeader(head, d.Kinds(group.ID))
		if len(problems) > 0 {
			for i := range problems {
				problems[i].Line = line
			}
			c.add(true, problems...)
			return hand()
		}
		if r, err = d.newReader(ctx, group, imp, columns); err != nil {
			return err
		}
	} else if f := (*flawError)(nil); errors.As(err, &f) {
		c.add(true, f.problem()) // a header that cannot be read ends it, whatever is wrong with it
		return hand()
	} else {
		return fmt.Errorf("read the file: %w", err)
	}
	for {
		fields, line, err := rows.next()
		var f *flawError
		switch {
		case err == io.EOF:
			return hand()
		case errors.As(err, &f):
			c.read++
			c.add(f.fatal, f.problem())
			if f.fatal {
				return hand()
			}
		case err != nil:
			return fmt.Errorf("read the file: %w", err)
		default:
			c.read++
			if m, problems := r.read(line, fields); len(problems) > 0 {
				c.add(false, problems...)
			} else {
				c.rows = append(c.rows, m)
			}
		}
		if c.read >= chunkRows {
			if err := hand(); err != nil {
				return err
			}
		}
	}
}

func (c *chunk) add(broken bool, problems ...gateway.ImportProblem) {
	c.problems = append(c.problems, problems)
	c.broken = c.broken || broken
}

func (e *flawError) problem() gateway.ImportProblem {
	return gateway.ImportProblem{Line: e.line, Flaw: e.flaw, Text: e.text}
}

// stage writes the rows of a chunk and counts what they will be.
func (d *Directory) stage(ctx context.Context, group, imp gateway.ID, c chunk, t *tally) error {
	t.report.Rows += c.read
	t.report.Unreadable = t.report.Unreadable || c.broken
	problems := c.problems
	var staged []gateway.Staged
	if len(c.rows) > 0 {
		var err error
		if staged, err = d.Imports.Stage(ctx, group, imp, c.rows); err != nil {
			return fmt.Errorf("stage rows of an import: %w", err)
		}
		if len(staged) != len(c.rows) {
			return fmt.Errorf("stage rows of an import: %d answers to %d rows", len(staged), len(c.rows))
		}
	}
	for i, s := range staged {
		for len(problems) > 0 && problems[0][0].Line < c.rows[i].Line {
			t.bad(problems[0])
			problems = problems[1:]
		}
		t.staged(c.rows[i], s)
	}
	for _, p := range problems {
		if c.read == 0 { // the header
			t.add(p...)
			continue
		}
		t.bad(p)
	}
	return nil
}

// tally gathers a report.
type tally struct {
	report gateway.ImportReport
}

func (t *tally) add(problems ...gateway.ImportProblem) {
	for _, p := range problems {
		t.report.Counts[p.Flaw]++
		if len(t.report.Problems) < gateway.MaxImportProblems {
			t.report.Problems = append(t.report.Problems, p)
		}
	}
}

// bad counts one row that is not taken.
func (t *tally) bad(problems rowProblems) {
	t.report.Bad++
	t.add(problems...)
}

func (t *tally) staged(m gateway.StagedMember, s gateway.Staged) {
	r := &t.report
	switch s.Kind {
	case gateway.StagedDuplicate:
		p := gateway.ImportProblem{Line: m.Line, Flaw: gateway.FlawDuplicate,
			Text: fmt.Sprintf("line %d has this address already, and neither row has a ref; leave one out, or give both a ref if two people share the address", s.Line)}
		if m.Member.Ref != "" {
			p.Flaw, p.Text = gateway.FlawRefTwice, fmt.Sprintf("line %d has this ref already; a ref belongs to one member", s.Line)
		}
		t.bad(rowProblems{p})
		return
	case gateway.StagedChange:
		r.Changed++
	case gateway.StagedNew:
		r.New++
		if len(m.Member.Points) == 0 {
			t.add(gateway.ImportProblem{Line: m.Line, Flaw: gateway.FlawAddress, Note: true,
				Text: "the row has no address, so nothing reaches this member; fill one in when there is one"})
		}
	}
	if len(m.Consents) == 0 && len(m.Member.Points) > 0 {
		r.Asked++
	}
	if s.Hers {
		r.Hers++
	}
	if s.Stopped {
		r.Stopped++
		t.add(gateway.ImportProblem{Line: m.Line, Flaw: gateway.FlawStopped, Note: true,
			Text: "a STOP stands against an address of this row: it stays stopped, and only the person can undo it"})
	}
}
