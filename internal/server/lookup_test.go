//go:build linux

package server

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"sop-chat/internal/broadcast"
)

// The look-up finds a room by its key, whatever rooms came, went and changed their keys
// before, and finds no other; like a list that is searched from one end to the other.
func TestLookup(t *testing.T) {
	key := rapid.OneOf(rapid.SampledFrom([]string{"", "a", "b", "aa", "ab"}), rapid.StringN(0, 8, 448))
	name := rapid.SampledFrom([]string{"", "red", "green", "blue"})
	rapid.Check(t, func(t *rapid.T) {
		s := newRooms()
		var model []*Room
		with := func(is func(*Room) bool) *Room {
			for _, r := range model {
				if is(r) {
					return r
				}
			}
			return nil
		}
		byKey := func(k string) *Room { return with(func(r *Room) bool { return r.key == k }) }
		byName := func(n string) *Room { return with(func(r *Room) bool { return r.name == n }) }
		pick := func(t *rapid.T) *Room {
			if len(model) == 0 {
				return nil
			}
			return rapid.SampledFrom(model).Draw(t, "room")
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				r := &Room{name: name.Draw(t, "name"), key: key.Draw(t, "key"), log: broadcast.New(broadcast.SegmentSize, 0)}
				taken := byKey(r.key) != nil || byName(r.name) != nil
				if err := s.canAdd(r.name, r.key); (err != nil) != taken {
					t.Fatalf("%q with the key %q: %v, taken: %v", r.name, r.key, err, taken)
				}
				if err := s.add(r); (err != nil) != taken {
					t.Fatalf("%q with the key %q: %v, taken: %v", r.name, r.key, err, taken)
				}
				if !taken {
					model = append(model, r)
				}
			},
			"remove": func(t *rapid.T) {
				r := pick(t)
				if r == nil {
					return
				}
				if !s.remove(r) || s.remove(r) {
					t.Fatal("a room is not removed once")
				}
				if s.changeKey(r, "a key of its own") == nil {
					t.Fatal("the key of a removed room is changed")
				}
				for i := range model {
					if model[i] == r {
						model = append(model[:i], model[i+1:]...)
						break
					}
				}
			},
			"change": func(t *rapid.T) {
				r, k := pick(t), key.Draw(t, "key")
				if r == nil {
					return
				}
				taken := byKey(k) != nil && byKey(k) != r
				if err := s.changeKey(r, k); (err != nil) != taken {
					t.Fatalf("%q gets the key %q: %v, taken: %v", r.name, k, err, taken)
				}
				if r.key == k == taken {
					t.Fatalf("%q has the key %q, want %q", r.name, r.key, k)
				}
			},
			"": func(t *rapid.T) {
				k := key.Draw(t, "key")
				if got := s.find([]byte(k)); got != byKey(k) {
					t.Fatalf("the key %q finds %v, want %v", k, got, byKey(k))
				}
				if all := fmt.Sprint(len(s.all()), s.only() != nil); all != fmt.Sprint(len(model), len(model) == 1) {
					t.Fatalf("there are %s, want %d", all, len(model))
				}
				if only := s.only(); (s.refusals() == s.strangers) != (only == nil) {
					t.Fatal("refusals are announced in the wrong log")
				}
			},
		})
	})
}

// How long it takes to look a key up does not depend on how many rooms there are, nor on
// whether one has it.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{1, 10_000} {
		s := newRooms()
		for i := range n {
			s.add(&Room{name: fmt.Sprint(i), key: fmt.Sprint("key ", i)})
		}
		for _, key := range []string{"key 0", "wrong"} {
			b.Run(fmt.Sprintf("%d rooms/%s", n, key), func(b *testing.B) {
				for b.Loop() {
					s.find([]byte(key))
				}
			})
		}
	}
}
