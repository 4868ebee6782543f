package broadcast

// PauseFollowers has the followers of some logs take nothing more until resume is called.
// What they have taken before may still be in use. Meanwhile Next and Take wait, whatever
// their context says, and nothing may follow the logs.
func PauseFollowers(logs []*Log) (resume func()) {
	paused := make(map[*Group]struct{})
	for _, l := range logs {
		for _, c := range *l.readers.Load() {
			if c.follower == nil {
				continue
			}
			g := c.follower.group
			if _, is := paused[g]; !is {
				g.taking.Lock()
				paused[g] = struct{}{}
			}
		}
	}
	return func() {
		for g := range paused {
			g.taking.Unlock()
		}
	}
}
