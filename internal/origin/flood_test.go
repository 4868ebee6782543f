package origin

import (
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// flood has that many origins give one wrong key each.
func flood(t testing.TB, table *Table, origins int, now time.Time) {
	t.Helper()
	key := []byte("wrong")
	for i := range origins {
		from := floodAddress(i)
		if v, _ := table.Look(from, now); v != Pass {
			t.Fatalf("a new origin %v", v)
		}
		table.Wrong(from, key, now)
	}
}

// floodAddress returns an address that address does not return, of IPv4 or of IPv6.
func floodAddress(i int) netip.Addr {
	if i%2 == 0 {
		return netip.AddrFrom4([4]byte{byte(100 + i>>24), byte(i >> 16), byte(i >> 8), byte(i)})
	}
	return netip.AddrFrom16([16]byte{0: 0x20, 1: 1, 4: byte(i >> 24), 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i)})
}

// However many origins there are, they take no more memory than a table may have, and
// neither end the bans of others, though those are half of all that is remembered, nor
// have their wrong keys forgotten. With SOP_CHAT_E2E=full there are ten million.
func TestFloodOfOrigins(t *testing.T) {
	origins := 1_000_000
	if os.Getenv("SOP_CHAT_E2E") == "full" {
		origins = 10_000_000
	}
	memory := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before := memory()
	table := NewTable(Config{Failures: 3, Ban: time.Hour})
	const banned, counted = standardRecords / 2, standardRecords / 8
	for i := range banned {
		for key := range 3 {
			guess(t, table, address(i), string(rune(key)), start)
		}
	}
	for i := range counted {
		for key := range 2 {
			guess(t, table, address(banned+i), string(rune(key)), start)
		}
	}
	begin := time.Now()
	flood(t, table, origins, start.Add(time.Second))
	each := time.Since(begin) / time.Duration(origins)
	used := memory() - before
	t.Logf("%d origins: %d are remembered in %.1f MB; each took %v", origins, table.Len(), float64(used)/1e6, each)
	if n := table.Len(); n != standardRecords {
		t.Errorf("%d origins are remembered", n)
	}
	if used > 24<<20 {
		t.Errorf("they take %d bytes", used)
	}
	ended, forgotten := 0, 0
	for i := range banned {
		if mayConnect(table, address(i), start.Add(time.Minute)) != Banned {
			ended++
		}
	}
	for i := range counted {
		if _, isBanned := guess(t, table, address(banned+i), "the last", start.Add(time.Minute)); !isBanned {
			forgotten++
		}
	}
	t.Logf("%d of %d bans were ended, %d of %d counts forgotten", ended, banned, forgotten, counted)
	if ended > banned/100 || forgotten > counted/20 {
		t.Errorf("%d of %d bans were ended, %d of %d counts forgotten", ended, banned, forgotten, counted)
	}
	runtime.KeepAlive(table)
}

// The largest table is one in which each origin has given as many wrong keys as are
// told apart.
func TestMostMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const records = standardRecords / 16
	table := NewTable(Config{Failures: 1_000_000, Ban: time.Hour, Undelayed: 1_000_000, Records: records})
	for i := range records {
		r := table.add(netip.PrefixFrom(address(i), 32), 1)
		for key := range uint32(2 * maxKeys) {
			r.addKey(key, 1)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used := int64(after.HeapAlloc-before.HeapAlloc) * (standardRecords / records)
	t.Logf("a full table takes %.1f MB", float64(used)/1e6)
	if used > 64<<20 {
		t.Errorf("it takes %d bytes", used)
	}
	runtime.KeepAlive(table)
}

// A new origin in a full table, a right key, and a connection.
func BenchmarkTable(b *testing.B) {
	full := func() *Table {
		table := NewTable(Config{Failures: 100, Ban: time.Hour})
		flood(b, table, standardRecords, start)
		return table
	}
	b.Run("wrong key of a new origin", func(b *testing.B) {
		table, key, i := full(), []byte("wrong"), standardRecords
		for b.Loop() {
			from := floodAddress(i)
			table.Look(from, start)
			table.Wrong(from, key, start)
			i++
		}
	})
	b.Run("right key", func(b *testing.B) {
		table, i := full(), 0
		for b.Loop() {
			table.Look(address(i), start)
			table.Right(address(i), start)
			i++
		}
	})
	b.Run("connection", func(b *testing.B) {
		table := full()
		for b.Loop() {
			mayConnect(table, alice, start)
		}
	})
	b.Run("connection of a banned origin", func(b *testing.B) {
		table := full()
		for i := range 100 {
			guess(b, table, eve, string(rune(i)), start.Add(time.Duration(i)*(standardDelay<<maxDoublings)))
		}
		now := start.Add(100 * (standardDelay << maxDoublings))
		for b.Loop() {
			if mayConnect(table, eve, now) != Banned {
				b.Fatal("it is not banned")
			}
		}
	})
}
