package sandbox

import (
	"io"
	"sync"
)

// A lastUsed keeps the last value that was made, for starts that can use the same
// one. A value is closed when nobody uses it any more.
type lastUsed[T io.Closer] struct {
	mu   sync.Mutex
	last *shared[T]
}

type shared[T io.Closer] struct {
	value T
	users int // that took it, and the cache
}

// take returns the last value if it fits, and otherwise makes one; give takes it
// back.
func (c *lastUsed[T]) take(fits func(T) bool, make func() (T, error)) (*shared[T], error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil && fits(c.last.value) {
		c.last.users++
		return c.last, nil
	}
	value, err := make()
	if err != nil {
		return nil, err
	}
	if c.last != nil {
		c.drop(c.last)
	}
	c.last = &shared[T]{value, 2}
	return c.last, nil
}

func (c *lastUsed[T]) give(s *shared[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(s)
}

func (c *lastUsed[T]) drop(s *shared[T]) {
	if s.users--; s.users == 0 {
		s.value.Close()
	}
}

func (c *lastUsed[T]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		c.drop(c.last)
		c.last = nil
	}
}
