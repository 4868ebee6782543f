package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var messageLine = regexp.MustCompile(`^c\d\d\d: \d+$`)

// Hundreds of clients that all send at the same time see one order: each receives
// what an observer receives, without its own messages. Nothing is lost or
// doubled, and the console prints the same order. This holds for several loops,
// too.
func TestOneOrder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ loops, clients int }{{1, 100}, {4, 260}} {
		t.Run(fmt.Sprint(test.loops, " loops"), func(t *testing.T) {
			t.Parallel()
			const deliveries = 100 * 100
			testOneOrder(t, test.loops, test.clients, scaled(20, 500)*deliveries/(test.clients*test.clients))
		})
	}
}

func testOneOrder(t *testing.T, loops, clients, each int) {
	srv := start(t, "--max-clients", "0", "--loops", fmt.Sprint(loops))
	observer := join(t, srv, "observer")
	all := joinMany(t, srv, clients)

	names := make([]string, clients)
	for i, c := range all {
		names[i] = c.name
	}
	orders := make([][]string, clients)
	var tasks []task
	for i, c := range all {
		others := slices.Delete(slices.Clone(names), i, i+1)
		tasks = append(tasks,
			beside(t, func() error { return c.flood(0, each) }),
			beside(t, func() (err error) {
				orders[i], err = c.reader(others...).order(each)
				return err
			}))
	}
	order, err := observer.reader(names...).order(each)
	if err != nil {
		t.Fatal(err)
	}
	wait(tasks...)

	for i, c := range all {
		others := slices.DeleteFunc(slices.Clone(order), func(line string) bool {
			return strings.HasPrefix(line, c.name+": ")
		})
		if !slices.Equal(orders[i], others) {
			t.Errorf("%q saw another order than the observer", c.name)
		}
	}
	srv.stdout.waitForLine(t, order[len(order)-1])
	printed := slices.DeleteFunc(srv.stdout.lines(), func(line string) bool {
		return !messageLine.MatchString(line)
	})
	if !slices.Equal(printed, order) {
		t.Errorf("the console printed another order than the observer saw")
	}
}

// order reads the messages up to last-1 of every sender and returns them as
// the console prints them, in the order in which they came.
func (r *reader) order(last int) (lines []string, err error) {
	for int(r.count.Load()) < last*len(r.next) {
		sender, n, err := r.read()
		if err != nil {
			return nil, err
		}
		lines = append(lines, fmt.Sprintf("%s: %d", sender, n))
	}
	return lines, nil
}
