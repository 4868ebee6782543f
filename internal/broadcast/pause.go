package broadcast

import "slices"

// Paused are groups that take nothing until Resume is called.
type Paused []*Group

// PauseFollowers has the followers of some logs take nothing more until Resume is called.
// What they have taken before may still be in use. Meanwhile Next and Take wait, whatever
// their context says, and nothing may follow the logs.
func PauseFollowers(logs []*Log) Paused {
	var paused Paused
	for _, l := range logs {
		for _, c := range *l.readers.Load() {
			if c.follower != nil && !slices.Contains(paused, c.follower.group) {
				c.follower.group.taking.Lock()
				paused = append(paused, c.follower.group)
			}
		}
	}
	return paused
}

// Resume has the groups go on.
func (p Paused) Resume() {
	for _, g := range p {
		g.taking.Unlock()
	}
}
