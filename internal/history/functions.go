package history

import (
	"context"
	"database/sql/driver"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
)

// SQLite calls functions of ours while it writes the index of words, and while it
// searches without one. None of them is a part of the file, so other programs can
// write to it.
const (
	termsOf = "sop_chat_terms"   // (text): the words of a text, as the index has them
	matches = "sop_chat_matches" // (text, query, parts): whether a search finds a text, by parts of words if parts is 1
)

// A connector opens connections that have the functions.
type connector struct {
	name   string // of the database, a URI
	driver *sqlite.Driver
}

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.name) }
func (c connector) Driver() driver.Driver                        { return c.driver }

// sqliteDriver returns SQLite's driver with the functions.
var sqliteDriver = sync.OnceValue(func() *sqlite.Driver {
	d := new(sqlite.Driver)
	pool := sync.Pool{New: func() any { return new(words) }}
	split := func(text string, use func(*words) driver.Value) driver.Value {
		w := pool.Get().(*words)
		defer pool.Put(w)
		w.split(text)
		return use(w)
	}
	d.MustRegisterDeterministicScalarFunction(termsOf, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		return split(stored(args[0]), func(w *words) driver.Value { return w.terms() }), nil
	})
	var last atomic.Pointer[query]
	d.MustRegisterDeterministicScalarFunction(matches, 3, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, _ := args[1].([]byte)
		q := last.Load()
		if q == nil || q.text != string(text) {
			var err error
			if q, err = parseQuery(string(text)); err != nil {
				return nil, err
			}
			last.Store(q)
		}
		within := stored(args[0])
		if q.isLackedBy(within) {
			return false, nil
		}
		return split(within, func(w *words) driver.Value { return q.isIn(w, args[2] == int64(1)) }), nil
	})
	return d
})

// stored returns what people see of a text that is stored in a message.
func stored(text driver.Value) string {
	switch text := text.(type) {
	case []byte:
		return visible(text)
	case string: // another program has stored it so
		return visible([]byte(text))
	}
	return ""
}
