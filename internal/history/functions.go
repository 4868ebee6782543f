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
	matches = "sop_chat_matches" // (text, query): whether a search finds a text
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
	// split calls use with the words of a text that is stored in a message.
	split := func(text driver.Value, use func(*words) driver.Value) driver.Value {
		w := pool.Get().(*words)
		defer pool.Put(w)
		switch text := text.(type) {
		case []byte:
			w.split(visible(text))
		case string: // another program has stored it so
			w.split(visible([]byte(text)))
		default:
			w.split("")
		}
		return use(w)
	}
	d.MustRegisterDeterministicScalarFunction(termsOf, 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		return split(args[0], func(w *words) driver.Value { return w.terms() }), nil
	})
	var last atomic.Pointer[parsed]
	d.MustRegisterDeterministicScalarFunction(matches, 2, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, _ := args[1].([]byte)
		p := last.Load()
		if p == nil || p.text != string(text) {
			q, err := parseQuery(string(text))
			if err != nil {
				return nil, err
			}
			p = &parsed{string(text), q}
			last.Store(p)
		}
		return split(args[0], func(w *words) driver.Value { return p.query.find(w) != nil }), nil
	})
	return d
})

// A parsed is a query and what it was written as.
type parsed struct {
	text  string
	query *query
}
