package main

import (
	"os"
	"os/exec"
	"reflect"
	"testing"
)

// newBench has the C programs built.
func newBench(t *testing.T) *bench {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("needs gcc: not installed")
	}
	b := &bench{root: os.Getuid() == 0, quick: true}
	t.Cleanup(b.end)
	var err error
	b.work, err = newWork()
	b.atEnd(func() { os.RemoveAll(b.work) })
	if err != nil {
		t.Fatal(err)
	}
	if err := b.prepareFloor(); err != nil {
		t.Fatal(err)
	}
	return b
}

func factsOf(t *testing.T, w way) facts {
	t.Helper()
	out, err := w.facts()
	if err != nil {
		t.Fatalf("%s: %v %s", w.name, err, out)
	}
	f, err := parseFacts(out)
	if err != nil {
		t.Fatalf("%s: %v in %q", w.name, err, out)
	}
	return f
}

// The C program is a floor only as long as it gives what the library gives.
func TestFloorGivesTheSame(t *testing.T) {
	b := newBench(t)
	pairs := [][2]way{}
	if b.root {
		own := libraryWay(libraryCold, b.libraryOptions())
		pairs = append(pairs, [2]way{own, b.floorWay(floorRoot, true)}, [2]way{own, b.floorWay(floorScratch, true, "prepared")})
	} else {
		pairs = append(pairs, [2]way{libraryWay(libraryUser, b.libraryOptions()), b.floorWay(floorUser, false)})
	}
	for _, p := range pairs {
		if own, floor := factsOf(t, p[0]), factsOf(t, p[1]); !reflect.DeepEqual(own, floor) {
			t.Errorf("%s gives %+v, and %s %+v", p[0].name, own, p[1].name, floor)
		}
	}
	bare := factsOf(t, b.plain(plainExec, 0))
	if len(bare.Namespaces) > 0 || bare.Filter || bare.NoNewPrivs {
		t.Errorf("without a sandbox: %+v", bare)
	}
}

// Every way of the tables starts the program, and what it is given fails.
func TestWaysStart(t *testing.T) {
	b := newBench(t)
	ways := []way{b.plain(plainExec, 0), b.floorWay(floorUser, false)}
	if b.root {
		ways = append(ways, b.floorWay(floorRoot, true))
		for _, p := range scaleParts {
			ways = append(ways, b.floorWay("without "+p.name, true, p.parts...))
		}
		ways = append(ways, b.layers()...)
	}
	for _, w := range ways {
		s, err := w.open()
		if err != nil {
			t.Fatal(w.name, err)
		}
		if took, err := s.start(); err != nil || took <= 0 {
			t.Errorf("%s: %v, %v", w.name, took, err)
		}
		if err := s.close(); err != nil {
			t.Errorf("%s: %v", w.name, err)
		}
	}
}

// A start that fails is an error, not a time.
func TestFailedStart(t *testing.T) {
	b := newBench(t)
	missing := residentWay("missing", func(...string) *exec.Cmd {
		return b.floor(false, nil, []string{"no-such-program"})
	})
	s, err := missing.open()
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if took, err := s.start(); err == nil {
		t.Errorf("a program that does not exist took %v", took)
	}
}
