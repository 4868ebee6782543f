package terminal

// mostHistory is how many inputs are remembered.
const mostHistory = 500

// A history is what was typed before, to be had back with the up key.
type history struct {
	inputs []string
	at     int    // which one is shown; len(inputs) is none
	draft  string // what stood there before
}

func (h *history) add(input string) {
	if n := len(h.inputs); n == 0 || h.inputs[n-1] != input {
		h.inputs = append(h.inputs, input)
	}
	if len(h.inputs) > mostHistory {
		h.inputs = h.inputs[1:]
	}
	h.at = len(h.inputs)
}

// move returns the input before (-1) or after (+1) the one that is shown, which
// may have been changed and is kept if it is the newest.
func (h *history) move(by int, shown string) (string, bool) {
	to := h.at + by
	if to < 0 || to > len(h.inputs) {
		return "", false
	}
	if h.at == len(h.inputs) {
		h.draft = shown
	}
	h.at = to
	if to == len(h.inputs) {
		return h.draft, true
	}
	return h.inputs[to], true
}
