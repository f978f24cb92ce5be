// Package move copies a whole ledger from one database to another: table by table, in chunks, so that what was
// interrupted goes on where it was, and at the end holds every table of the one against the other's, by count and digest.
// Sealed columns are copied as they are: nothing is opened on the way, and both ledgers need the same keys.
package move

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Chunk is how many rows are written in one transaction.
const Chunk = 5000

// Row is one row of a table, as the columns say: nil, [16]byte, []byte, string, int64 or bool.
type Row []any

// Key is where a row stands in the order of its table in the source: int64, string or []byte. A table goes on behind it
// after an interruption.
type Key []any

// String writes a key down; ParseKey reads it.
func (k Key) String() string {
	parts := make([]string, len(k))
	for i, v := range k {
		switch v := v.(type) {
		case int64:
			parts[i] = "i" + strconv.FormatInt(v, 10)
		case string:
			parts[i] = "t" + base64.RawURLEncoding.EncodeToString([]byte(v))
		case []byte:
			parts[i] = "b" + base64.RawURLEncoding.EncodeToString(v)
		default:
			panic(fmt.Sprintf("move: a key of type %T", v)) // a defect of the source
		}
	}
	return strings.Join(parts, " ")
}

// ParseKey reads what String wrote; nothing is the beginning.
func ParseKey(s string) (Key, error) {
	var key Key
	for _, word := range strings.Fields(s) {
		var v any
		raw, err := base64.RawURLEncoding.DecodeString(word[1:])
		switch word[0] {
		case 'i':
			v, err = strconv.ParseInt(word[1:], 10, 64)
		case 't':
			v = string(raw)
		case 'b':
			v = raw
		default:
			err = errors.New("a part has no type")
		}
		if err != nil {
			return nil, fmt.Errorf("the place where a move was interrupted cannot be read: %w", err)
		}
		key = append(key, v)
	}
	return key, nil
}

// Sum is a count of rows with a digest that does not depend on their order: the sum, word by word, of each row's SHA-256.
type Sum struct {
	Rows  int64
	Words [4]uint64
}

// Digest is the beginning of the digest, for people to compare.
func (s Sum) Digest() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, s.Words[0]))
}

// Digester sums rows. It is not safe for concurrent use.
type Digester struct {
	Sum
	buf []byte
}

// Add adds a row.
func (d *Digester) Add(row Row) {
	b := d.buf[:0]
	text := func(tag byte, length int) { b = binary.BigEndian.AppendUint64(append(b, tag), uint64(length)) }
	for _, v := range row {
		switch v := v.(type) {
		case nil:
			b = append(b, 0)
		case [16]byte:
			b = append(append(b, 1), v[:]...)
		case []byte:
			text(2, len(v))
			b = append(b, v...)
		case string:
			text(3, len(v))
			b = append(b, v...)
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 4), uint64(v))
		case bool:
			if b = append(b, 5, 0); v {
				b[len(b)-1] = 1
			}
		default:
			panic(fmt.Sprintf("move: a column of type %T", v)) // a defect of the source or the target
		}
	}
	d.buf = b
	sum := sha256.Sum256(b)
	for i := range d.Words {
		d.Words[i] += binary.BigEndian.Uint64(sum[8*i:])
	}
	d.Rows++
}

// Progress is how far a table is.
type Progress struct {
	Behind Key
	Rows   int64
	Whole  bool
}

// Source is the ledger that is left. Nobody writes to it meanwhile.
type Source interface {
	// Count says how many rows a table has.
	Count(ctx context.Context, t *Table) (int64, error)
	// Rows calls each for every row of a table behind a key, in order. The row is the caller's to keep; key gives where it
	// stands, until each returns.
	Rows(ctx context.Context, t *Table, behind Key, each func(key func() Key, row Row) error) error
	// MoveAway has nobody open this ledger any more, but to go on with a move. It may have been called before.
	MoveAway() error
}

// Target is the ledger that is filled. Nobody else writes to it meanwhile.
type Target interface {
	// Progress says how far each table is, by name; a new move has an empty answer.
	Progress(ctx context.Context) (map[string]Progress, error)
	// Write adds rows to a table, and writes how far it is, in one transaction.
	Write(ctx context.Context, t *Table, rows []Row, p Progress) error
	// Sum reads a whole table.
	Sum(ctx context.Context, t *Table) (Sum, error)
	// Finish ends the move: from now on the ledger may be used.
	Finish(ctx context.Context) error
}

// Step tells of the work: so many rows of a table are there of so many.
type Step struct {
	Table       string
	Checking    bool
	Done, Total int64
}

// Moved is one table's result.
type Moved struct {
	Table  string `json:"table"`
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// Copy moves everything, or goes on with what an earlier Copy began. What it returns was read on both sides and is
// equal. After an error Copy can be called again, and no rows of the source are changed. It is left before the target may be
// used: whatever comes in between, never both can be opened. tell must not block; nil: nobody is told.
func Copy(ctx context.Context, from Source, to Target, tell func(Step)) ([]Moved, error) {
	if tell == nil {
		tell = func(Step) {}
	}
	progress, err := to.Progress(ctx)
	if err != nil {
		return nil, err
	}
	for i := range Tables {
		t := &Tables[i]
		if p := progress[t.Name]; !p.Whole {
			if err := copyTable(ctx, from, to, t, p, tell); err != nil {
				return nil, fmt.Errorf("copying %s: %w", t.Name, err)
			}
		}
	}
	var moved []Moved
	for i := range Tables {
		t := &Tables[i]
		here, err := sumOf(ctx, from, t, tell)
		if err != nil {
			return nil, fmt.Errorf("reading %s once more: %w", t.Name, err)
		}
		there, err := to.Sum(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("reading %s back: %w", t.Name, err)
		}
		if here != there {
			return nil, fmt.Errorf("%w: %s has %d rows here (digest %s) and %d there (%s)", ErrDiffers, t.Name, here.Rows, here.Digest(), there.Rows, there.Digest())
		}
		moved = append(moved, Moved{Table: t.Name, Rows: here.Rows, Digest: here.Digest()})
	}
	if err := from.MoveAway(); err != nil {
		return nil, err
	}
	return moved, to.Finish(ctx)
}

func copyTable(ctx context.Context, from Source, to Target, t *Table, p Progress, tell func(Step)) error {
	total, err := from.Count(ctx, t)
	if err != nil {
		return err
	}
	tell(Step{Table: t.Name, Done: p.Rows, Total: total})
	rows := make([]Row, 0, Chunk)
	write := func() error {
		if err := to.Write(ctx, t, rows, p); err != nil {
			return err
		}
		rows = rows[:0]
		tell(Step{Table: t.Name, Done: p.Rows, Total: total})
		return nil
	}
	err = from.Rows(ctx, t, p.Behind, func(key func() Key, row Row) error {
		rows = append(rows, row)
		if p.Rows++; len(rows) < Chunk {
			return nil
		}
		p.Behind = key()
		return write()
	})
	if err != nil {
		return err
	}
	p.Whole = true
	return write()
}

func sumOf(ctx context.Context, from Source, t *Table, tell func(Step)) (Sum, error) {
	total, err := from.Count(ctx, t)
	if err != nil {
		return Sum{}, err
	}
	var d Digester
	err = from.Rows(ctx, t, nil, func(_ func() Key, row Row) error {
		if d.Add(row); d.Rows%Chunk == 0 {
			tell(Step{Table: t.Name, Checking: true, Done: d.Rows, Total: total})
		}
		return nil
	})
	tell(Step{Table: t.Name, Checking: true, Done: d.Rows, Total: total})
	return d.Sum, err
}
