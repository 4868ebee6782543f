package terminal

// maxHistory is how many inputs are remembered.
const maxHistory = 500

// A history has the inputs that were typed before. The up key recalls them.
type history struct {
	inputs []string
	at     int    // the index of the one that is shown; len(inputs) for the draft
	draft  string // the input that was not entered yet
}

func (h *history) add(input string) {
	if n := len(h.inputs); n == 0 || h.inputs[n-1] != input {
		h.inputs = append(h.inputs, input)
	}
	if len(h.inputs) > maxHistory {
		h.inputs = h.inputs[1:]
	}
	h.at = len(h.inputs)
}

// move returns the input before (-1) or after (+1) the one at h.at, and whether
// there is one. shown is what the user sees now; it is kept if it is the draft.
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
