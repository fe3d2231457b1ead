package main

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// rate is how many starts a second were completed by a way.
type rate struct {
	Way     string  `json:"way"`
	Callers int     `json:"callers"` // at a time
	Rate    float64 `json:"rate"`
}

// callers is how many start at a time.
var callers = []int{1, 2, 8, 64}

func (b *bench) measureRates() error {
	ways := []way{b.plain(plainExec, 0)}
	if b.root {
		ways = append(ways, libraryWay(libraryCold, b.libraryOptions()), b.floorWay(floorRoot, true))
	}
	ways = append(ways, b.userLibrary())
	rivals, err := b.rivalWays()
	if err != nil {
		return err
	}
	for _, w := range rivals {
		if w.name == "bubblewrap" || w.name == "nsjail" || w.name == "crun" {
			ways = append(ways, w)
		}
	}
	b.progress("starts per second, %v at a time, by %d ways", callers, len(ways))
	for _, n := range callers {
		for _, w := range ways {
			r, err := perSecond(w, n, b.window(time.Second))
			if err != nil {
				return fmt.Errorf("%s, %d at a time: %w", w.name, n, err)
			}
			b.results.Rates = append(b.results.Rates, rate{w.name, n, r})
			settle()
		}
	}
	return nil
}

// settle leaves the kernel time for what it does later, such as taking down
// network namespaces.
func settle() { time.Sleep(200 * time.Millisecond) }

// openAll opens a starter for each of n callers, and has each start once.
func openAll(w way, n int) ([]starter, error) {
	var all []starter
	for range n {
		s, err := w.open()
		if err == nil {
			all = append(all, s)
			_, err = s.start()
		}
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
	}
	return all, nil
}

func closeAll(all []starter) error {
	var errs []error
	for _, s := range all {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// drive has each start as often as it can for a while, and returns how many
// starts that were, and in what time.
func drive(all []starter, window time.Duration) (int64, time.Duration, error) {
	var (
		done  atomic.Int64
		group sync.WaitGroup
		errs  = make([]error, len(all))
		begin = time.Now()
		end   = begin.Add(window)
	)
	for i, s := range all {
		group.Go(func() {
			for time.Now().Before(end) {
				if _, err := s.start(); err != nil {
					errs[i] = err
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	return done.Load(), time.Since(begin), errors.Join(errs...)
}

// perSecond is how many starts a second n callers have.
func perSecond(w way, n int, window time.Duration) (float64, error) {
	all, err := openAll(w, n)
	if err != nil {
		return 0, err
	}
	count, took, err := drive(all, window)
	return float64(count) / took.Seconds(), errors.Join(err, closeAll(all))
}
