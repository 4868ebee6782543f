//go:build linux

package server

// spares are a few values that are kept for reuse.
type spares[T any] []*T

func (s *spares[T]) take() *T {
	last := len(*s) - 1
	if last < 0 {
		return new(T)
	}
	v := (*s)[last]
	*s = (*s)[:last]
	return v
}

// put gives a value back that was reset.
func (s *spares[T]) put(v *T) { s.putUpTo(64, v) }

// putUpTo is put, unless there are so many already.
func (s *spares[T]) putUpTo(most int, v *T) {
	if len(*s) < most {
		*s = append(*s, v)
	}
}
