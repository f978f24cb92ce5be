package lite

import (
	"bytes"
	"fmt"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/carillon-gateway/carillon/gateway"
)

// Stmt is a prepared statement. Bind every parameter, call Step until it answers false, then Reset, which tells
// whether all went well; only then the changes and rows count.
type Stmt struct {
	c      *Conn
	text   string // of a statement that is kept
	p      uintptr
	params int
	bound  int
	err    error
	broken error // it does not compile

	room  uintptr // values bound by this statement, in memory that SQLite can read
	size  int
	used  int
	extra []uintptr // what room was too small for, until Reset
}

// Free gives the statement's memory back.
func (s *Stmt) Free() {
	sqlite3.Xsqlite3_finalize(s.c.tls, s.p)
	s.giveBack()
	if s.room != 0 {
		libc.Xfree(s.c.tls, s.room)
	}
}

func (s *Stmt) giveBack() {
	for _, p := range s.extra {
		libc.Xfree(s.c.tls, p)
	}
	s.extra = s.extra[:0]
}

// place finds memory for n bytes that stays until Reset.
func (s *Stmt) place(n int) uintptr {
	if s.used+n > s.size || s.room == 0 { // nothing also needs a place: at none, SQLite takes it for NULL
		if s.used == 0 && n <= 1<<16 {
			if s.room != 0 {
				libc.Xfree(s.c.tls, s.room)
			}
			s.size = max(256, 2*n)
			s.room = s.c.alloc(s.size)
		} else {
			p := s.c.alloc(max(1, n))
			s.extra = append(s.extra, p)
			return p
		}
	}
	p := s.room + uintptr(s.used)
	s.used += n
	return p
}

func (c *Conn) alloc(n int) uintptr {
	p := libc.Xmalloc(c.tls, libc.Tsize_t(n))
	if p == 0 {
		panic("lite: out of memory")
	}
	return p
}

func (s *Stmt) check(rc int32) {
	s.bound++
	if rc != sqlite3.SQLITE_OK && s.err == nil {
		s.err = s.c.error(rc)
	}
}

// Next is the number of the parameter behind the last one bound, for statements over many rows.
func (s *Stmt) Next() int { return s.bound + 1 }

// Int binds an integer to parameter i, from 1.
func (s *Stmt) Int(i int, v int64) *Stmt {
	s.check(sqlite3.Xsqlite3_bind_int64(s.c.tls, s.p, int32(i), v))
	return s
}

// Bool binds 1 or 0.
func (s *Stmt) Bool(i int, v bool) *Stmt {
	if v {
		return s.Int(i, 1)
	}
	return s.Int(i, 0)
}

// Null binds NULL.
func (s *Stmt) Null(i int) *Stmt {
	s.check(sqlite3.Xsqlite3_bind_null(s.c.tls, s.p, int32(i)))
	return s
}

// Blob binds bytes; nil is NULL.
func (s *Stmt) Blob(i int, v []byte) *Stmt {
	if v == nil {
		return s.Null(i)
	}
	p := s.place(len(v))
	copy(unsafe.Slice((*byte)(memory(p)), len(v)), v)
	s.check(sqlite3.Xsqlite3_bind_blob(s.c.tls, s.p, int32(i), p, int32(len(v)), 0))
	return s
}

// ID binds 16 bytes; the zero value is NULL.
func (s *Stmt) ID(i int, v gateway.ID) *Stmt {
	if v.IsZero() {
		return s.Null(i)
	}
	return s.Key(i, v)
}

// Key binds 16 bytes, whatever they are.
func (s *Stmt) Key(i int, v [16]byte) *Stmt {
	p := s.place(16)
	*(*[16]byte)(memory(p)) = v
	s.check(sqlite3.Xsqlite3_bind_blob(s.c.tls, s.p, int32(i), p, 16, 0))
	return s
}

// Text binds a string.
func (s *Stmt) Text(i int, v string) *Stmt {
	p := s.place(len(v))
	copy(unsafe.Slice((*byte)(memory(p)), len(v)), v)
	s.check(sqlite3.Xsqlite3_bind_text(s.c.tls, s.p, int32(i), p, int32(len(v)), 0))
	return s
}

// Time binds microseconds since 1970; the zero time is NULL.
func (s *Stmt) Time(i int, t time.Time) *Stmt {
	if t.IsZero() {
		return s.Null(i)
	}
	return s.Int(i, t.UnixMicro())
}

// Bind binds all parameters in order. It takes what the methods above take, int and bool besides.
func (s *Stmt) Bind(args ...any) *Stmt {
	for i, a := range args {
		n := i + 1
		switch v := a.(type) {
		case nil:
			s.Null(n)
		case int:
			s.Int(n, int64(v))
		case int64:
			s.Int(n, v)
		case bool:
			s.Bool(n, v)
		case string:
			s.Text(n, v)
		case []byte:
			s.Blob(n, v)
		case time.Time:
			s.Time(n, v)
		case gateway.ID:
			s.ID(n, v)
		default:
			s.err = fmt.Errorf("lite: cannot bind a %T", a)
		}
	}
	return s
}

// Step goes to the next row. False: there is none, or something went wrong; Reset tells.
func (s *Stmt) Step() bool {
	if s.broken != nil {
		return false
	}
	if s.err == nil && s.bound < s.params {
		s.err = fmt.Errorf("lite: %d of %d parameters are bound", s.bound, s.params)
	}
	if s.err != nil {
		return false
	}
	switch rc := sqlite3.Xsqlite3_step(s.c.tls, s.p); rc {
	case sqlite3.SQLITE_ROW:
		return true
	case sqlite3.SQLITE_DONE:
		return false
	default:
		s.err = s.c.error(rc)
		return false
	}
}

// Reset makes the statement ready for the next use and returns what went wrong in this one.
func (s *Stmt) Reset() error {
	if s.broken != nil {
		return s.broken
	}
	err := s.err
	sqlite3.Xsqlite3_reset(s.c.tls, s.p)
	s.bound, s.used, s.err = 0, 0, nil
	if len(s.extra) > 0 {
		s.giveBack()
	}
	return err
}

// Run steps through all rows and resets.
func (s *Stmt) Run() error {
	for s.Step() {
	}
	return s.Reset()
}

// ColInt reads an integer column, from 0; NULL is 0.
func (s *Stmt) ColInt(i int) int64 { return sqlite3.Xsqlite3_column_int64(s.c.tls, s.p, int32(i)) }

// ColNull reports whether a column is NULL.
func (s *Stmt) ColNull(i int) bool {
	return sqlite3.Xsqlite3_column_type(s.c.tls, s.p, int32(i)) == sqlite3.SQLITE_NULL
}

// ColBlob reads bytes. They are gone with the next Step or Reset.
func (s *Stmt) ColBlob(i int) []byte {
	p := sqlite3.Xsqlite3_column_blob(s.c.tls, s.p, int32(i))
	if p == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(memory(p)), sqlite3.Xsqlite3_column_bytes(s.c.tls, s.p, int32(i)))
}

// ColAny reads a column as it is stored: nil, int64, string or []byte of the caller's own.
func (s *Stmt) ColAny(i int) any {
	switch sqlite3.Xsqlite3_column_type(s.c.tls, s.p, int32(i)) {
	case sqlite3.SQLITE_NULL:
		return nil
	case sqlite3.SQLITE_INTEGER:
		return s.ColInt(i)
	case sqlite3.SQLITE_TEXT:
		return s.ColText(i)
	}
	return append([]byte{}, s.ColBlob(i)...)
}

// ColID reads 16 bytes; NULL is zero.
func (s *Stmt) ColID(i int) (id gateway.ID) {
	copy(id[:], s.ColBlob(i))
	return id
}

// ColText reads a string.
func (s *Stmt) ColText(i int) string { return string(s.ColBlob(i)) }

// ColWord reads a string that comes often, such as a locale, without making it anew each time.
func (s *Stmt) ColWord(i int) string {
	b := s.ColBlob(i)
	if w, ok := s.c.words[string(b)]; ok {
		return w
	}
	w := string(b)
	if len(s.c.words) < 1024 && len(w) <= 64 {
		s.c.words[w] = w
	}
	return w
}

// ColTime reads microseconds since 1970; NULL and 0 are the zero time.
func (s *Stmt) ColTime(i int) time.Time {
	n := s.ColInt(i)
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// Scan reads the columns of a row into pointers, in order.
func (s *Stmt) Scan(into ...any) error {
	for i, p := range into {
		switch v := p.(type) {
		case *gateway.ID:
			*v = s.ColID(i)
		case *string:
			*v = s.ColText(i)
		case *int:
			*v = int(s.ColInt(i))
		case *int64:
			*v = s.ColInt(i)
		case *bool:
			*v = s.ColInt(i) != 0
		case *time.Time:
			*v = s.ColTime(i)
		case *[]byte:
			*v = bytes.Clone(s.ColBlob(i))
		default:
			return fmt.Errorf("lite: cannot read into a %T", p)
		}
	}
	return nil
}
