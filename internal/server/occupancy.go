//go:build linux

package server

// Occupancy returns how many clients a room has, and for how many it has slots; 0 is no
// limit.
func (r *Room) Occupancy() (clients, slots int) {
	return int(r.taken.Load()), int(r.slots.Load())
}
