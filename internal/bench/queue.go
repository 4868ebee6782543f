package bench

// A queue is a list of messages that grows at one end and shrinks at the other.
type queue struct {
	messages []message
	popped   int
}

func (q *queue) push(m message) { q.messages = append(q.messages, m) }

func (q *queue) first() (m message, ok bool) {
	if q.popped == len(q.messages) {
		return m, false
	}
	return q.messages[q.popped], true
}

// pop removes the first message. The memory is used again when half of it is
// free.
func (q *queue) pop() {
	q.popped++
	if q.popped > len(q.messages)/2 {
		q.messages = q.messages[:copy(q.messages, q.messages[q.popped:])]
		q.popped = 0
	}
}
