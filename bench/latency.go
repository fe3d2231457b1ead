package main

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

const newUserNS = syscall.CLONE_NEWUSER

// latency is the time of a start by one way, until everything of it is gone.
type latency struct {
	Way string `json:"way"`
	spread
}

// every slowEvery rounds a slow way has its turn.
const slowEvery = 5

// pause is what is left to each way for what it does when a start is over: the
// kernel clears away for all of them, and this library makes something ready.
const pause = 2 * time.Millisecond

// inTurn starts by each way once a round, in another order each round, so that
// neither a change of the machine's speed nor what is left of one way falls to the
// same one always. It ends after so many rounds, or when the time is up.
func inTurn(ways []way, rounds int, limit time.Duration) ([]latency, error) {
	starters := make([]starter, len(ways))
	for i, w := range ways {
		s, err := w.open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		defer s.close()
		starters[i] = s
		for range 3 { // what is prepared once is not measured
			if _, err := s.start(); err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
		}
	}
	times := make([][]time.Duration, len(ways))
	for round, end := 0, time.Now().Add(limit); round < rounds && time.Now().Before(end); round++ {
		for _, i := range rand.Perm(len(ways)) {
			if ways[i].slow && round%slowEvery != 0 {
				continue
			}
			time.Sleep(pause)
			took, err := starters[i].start()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[i].name, err)
			}
			times[i] = append(times[i], took)
		}
	}
	out := make([]latency, len(ways))
	for i, w := range ways {
		out[i] = latency{w.name, spreadOf(times[i])}
	}
	return out, nil
}

// ownWays are plain os/exec, the library and the C program.
func (b *bench) ownWays() []way {
	ways := []way{b.plain(plainExec, 0)}
	if b.root {
		ways = append(ways,
			libraryWay(libraryCold, b.libraryOptions()),
			onceWay(libraryOnce, b.libraryOptions()),
			poolWay(libraryWarm, b.libraryOptions()),
			b.floorWay(floorRoot, true),
			b.floorWay(floorScratch, true, "prepared"),
			b.floorPool())
	}
	return append(ways, b.userLibrary(), b.floorWay(floorUser, false))
}

// userLibrary is the library in a program of an ordinary user.
func (b *bench) userLibrary() way {
	open := func(kind string) (starter, error) {
		return newResident(b.asUser(b.resident(kind)))
	}
	return way{
		name: libraryUser,
		open: func() (starter, error) { return open("library") },
		facts: func() ([]byte, error) {
			s, err := open("library-facts")
			if err != nil {
				return nil, err
			}
			defer s.close()
			line, err := s.(*resident).line()
			return []byte(line), err
		},
	}
}

func (b *bench) measureLatency() error {
	rivals, err := b.rivalWays()
	if err != nil {
		return err
	}
	ways := append(b.ownWays(), rivals...)
	b.progress("what each way gives, seen from inside")
	if b.results.Facts, err = collectFacts(ways); err != nil {
		return err
	}
	b.progress("the time of a start, by %d ways in turn", len(ways))
	if b.results.Latency, err = inTurn(ways, b.fewer(400), b.window(50*time.Second)); err != nil {
		return err
	}
	if !b.root {
		return nil
	}
	b.progress("the time of a start, one protection after another")
	b.results.Layers, err = inTurn(b.layers(), b.fewer(300), b.window(25*time.Second))
	return err
}

// of returns the figures of a way.
func of(all []latency, way string) (latency, bool) {
	for _, l := range all {
		if l.Way == way {
			return l, true
		}
	}
	return latency{}, false
}
