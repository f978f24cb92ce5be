// Package lite is a thin way to one SQLite connection: statements are prepared once, values are bound from memory that
// each statement keeps, columns are read without a copy. The ledger spends most of its time here, and database/sql
// with its driver cost as much again as SQLite itself. It speaks to the same translated SQLite as the driver
// (modernc.org/sqlite/lib).
//
// A Conn and its statements belong to one goroutine at a time.
package lite

import (
	"fmt"
	"strings"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// Conn is one connection.
type Conn struct {
	tls   *libc.TLS
	db    uintptr
	stmts map[string]*Stmt
	near  map[*byte]*Stmt   // the same by where their texts lie in memory, for most are constants
	words map[string]string // texts that come again and again: locales, zones, kinds
	count uintptr           // room for two numbers of db_status
}

// Error is SQLite's own error. Its text holds no value of any row.
type Error struct {
	Code int // extended result code
	text string
}

func (e *Error) Error() string { return fmt.Sprintf("sqlite: %s (%d)", e.text, e.Code) }

// Full reports that the disk is full or gives errors: the same call may succeed once that is mended.
func (e *Error) Full() bool {
	switch e.Code & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}

// Locked reports that another program keeps the file locked; Full reports it as well.
func (e *Error) Locked() bool {
	return e.Code&0xff == sqlite3.SQLITE_BUSY || e.Code&0xff == sqlite3.SQLITE_LOCKED
}

// Constraint reports a broken unique key, foreign key or check.
func (e *Error) Constraint() bool { return e.Code&0xff == sqlite3.SQLITE_CONSTRAINT }

// Open opens the file, which is made if it is not there, and runs the pragmas.
func Open(path string, pragmas ...string) (*Conn, error) {
	c := &Conn{tls: libc.NewTLS(), stmts: map[string]*Stmt{}, near: map[*byte]*Stmt{}, words: map[string]string{}}
	name, err := libc.CString(path)
	if err != nil {
		c.tls.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	defer libc.Xfree(c.tls, name)
	pdb := c.tls.Alloc(8)
	defer c.tls.Free(8)
	const flags = sqlite3.SQLITE_OPEN_READWRITE | sqlite3.SQLITE_OPEN_CREATE | sqlite3.SQLITE_OPEN_NOMUTEX
	rc := sqlite3.Xsqlite3_open_v2(c.tls, name, pdb, flags, 0)
	c.db = *(*uintptr)(memory(pdb))
	if rc != sqlite3.SQLITE_OK {
		err := c.error(rc)
		c.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	sqlite3.Xsqlite3_extended_result_codes(c.tls, c.db, 1)
	c.count = c.alloc(8)
	for _, p := range pragmas {
		if err := c.Exec("PRAGMA " + p); err != nil {
			c.Close()
			return nil, fmt.Errorf("pragma %s: %w", p, err)
		}
	}
	return c, nil
}

// Close gives everything back.
func (c *Conn) Close() error {
	for _, s := range c.stmts {
		s.Free()
	}
	c.stmts, c.near = nil, nil
	if c.count != 0 {
		libc.Xfree(c.tls, c.count)
		c.count = 0
	}
	rc := sqlite3.Xsqlite3_close_v2(c.tls, c.db)
	c.tls.Close()
	if rc != sqlite3.SQLITE_OK {
		return &Error{Code: int(rc), text: "close"}
	}
	return nil
}

// Prepare compiles a statement, or gives the one compiled before. A statement that does not compile says so in Reset.
// Texts that vary without bound must not come here: see Once.
func (c *Conn) Prepare(sql string) *Stmt {
	if s := c.near[unsafe.StringData(sql)]; s != nil && s.text == sql { // the same string in memory: nothing is compared, or hashed
		return s
	}
	s, ok := c.stmts[sql]
	if !ok {
		s = c.compile(sql)
		if s.broken != nil {
			return s
		}
		s.text = sql
		c.stmts[sql] = s
	}
	c.near[unsafe.StringData(s.text)] = s
	return s
}

// Once compiles a statement that is not kept. Free it.
func (c *Conn) Once(sql string) *Stmt { return c.compile(sql) }

func (c *Conn) compile(sql string) *Stmt {
	s := &Stmt{c: c}
	text, err := libc.CString(sql)
	if err != nil {
		s.broken = err
		return s
	}
	defer libc.Xfree(c.tls, text)
	p := c.tls.Alloc(8)
	defer c.tls.Free(8)
	if rc := sqlite3.Xsqlite3_prepare_v2(c.tls, c.db, text, -1, p, 0); rc != sqlite3.SQLITE_OK {
		s.broken = fmt.Errorf("prepare %.60q: %w", strings.Join(strings.Fields(sql), " "), c.error(rc))
		return s
	}
	s.p = *(*uintptr)(memory(p))
	s.params = int(sqlite3.Xsqlite3_bind_parameter_count(c.tls, s.p))
	return s
}

// Exec runs one statement and throws its rows away.
func (c *Conn) Exec(sql string, args ...any) error {
	s := c.Once(sql)
	defer s.Free()
	return s.Bind(args...).Run()
}

// TotalChanges counts the rows written since the connection was opened.
func (c *Conn) TotalChanges() int64 { return sqlite3.Xsqlite3_total_changes64(c.tls, c.db) }

// Changes counts the rows that the last statement wrote.
func (c *Conn) Changes() int { return int(sqlite3.Xsqlite3_changes(c.tls, c.db)) }

// PagesWritten counts the pages that went into the journal or the file since it was last asked.
func (c *Conn) PagesWritten() int {
	if rc := sqlite3.Xsqlite3_db_status(c.tls, c.db, sqlite3.SQLITE_DBSTATUS_CACHE_WRITE, c.count, c.count+4, 1); rc != sqlite3.SQLITE_OK {
		return 0
	}
	return int(*(*int32)(memory(c.count)))
}

// BusyTimeout sets how long a call waits for a lock that another connection has, in milliseconds; 0: not at all.
func (c *Conn) BusyTimeout(ms int) { sqlite3.Xsqlite3_busy_timeout(c.tls, c.db, int32(ms)) }

// InTransaction reports whether a transaction is open; an error of the disk may have ended it.
func (c *Conn) InTransaction() bool { return sqlite3.Xsqlite3_get_autocommit(c.tls, c.db) == 0 }

func (c *Conn) error(rc int32) *Error {
	return &Error{Code: int(rc), text: libc.GoString(sqlite3.Xsqlite3_errmsg(c.tls, c.db))}
}

// memory is the place of an address that libc gave out. It lies outside Go's heap, so nothing moves or frees it.
func memory(p uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&p)) }
