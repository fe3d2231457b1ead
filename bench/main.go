package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// bench is one run.
type bench struct {
	root      bool   // whether root runs it
	work      string // the work directory
	quick     bool
	groupArgs []string // limits for the C program
	hidden    []string // what of /proc everyone covers who can
	protected []string // what of it is read-only
	ending    []func()
	begin     time.Time
	results   results
}

// file is a path in the work directory.
func (b *bench) file(name string) string { return filepath.Join(b.work, name) }

// atEnd has something done when the run is over.
func (b *bench) atEnd(f func()) { b.ending = append(b.ending, f) }

func (b *bench) end() {
	for i := len(b.ending) - 1; i >= 0; i-- {
		b.ending[i]()
	}
}

// endOnSignal cleans up when the run is broken off. Residents end by themselves,
// when nobody asks them any more.
func (b *bench) endOnSignal() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		b.end()
		os.Exit(1)
	}()
}

// progress prints a line with the time that has passed.
func (b *bench) progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%4.0fs  %s\n", time.Since(b.begin).Seconds(), fmt.Sprintf(format, args...))
}

// fewer is n, or a tenth of it for a quick run.
func (b *bench) fewer(n int) int {
	if b.quick {
		return max(n/10, 2)
	}
	return n
}

// rounds is n, or one for a quick run.
func (b *bench) rounds(n int) int {
	if b.quick {
		return 1
	}
	return n
}

// window is d, or a fifth of it for a quick run.
func (b *bench) window(d time.Duration) time.Duration {
	if b.quick {
		return d / 5
	}
	return d
}

// parts are what can be measured, in this order.
var parts = []struct {
	name string
	run  func(*bench) error
}{
	{"latency", (*bench).measureLatency},
	{"rate", (*bench).measureRates},
	{"scale", (*bench).measureScale},
	{"memory", (*bench).measureMemory},
	{"heap", (*bench).measureHeap},
	{"live", (*bench).measureLive},
	{"steady", (*bench).measureSteady},
	{"filter", (*bench).measureFilters},
}

func partNames() string {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	return strings.Join(names, ",")
}

func main() {
	var (
		which    = flag.String("parts", partNames(), "what to measure")
		quick    = flag.Bool("quick", false, "a tenth of the starts: to see that it works")
		out      = flag.String("o", "", "write the figures to this file, as JSON")
		from     = flag.String("from", "", "measure nothing and take the figures from this file")
		page     = flag.String("page", "", "write performance.md and its plots to this directory")
		resident = flag.String("resident", "", "be a starter of this kind (used by the program itself)")
		work     = flag.String("work", "", "the work directory of a resident")
		heap     = flag.Int64("heap", 0, "bytes of heap of a resident")
	)
	flag.Parse()
	var err error
	if *resident != "" {
		err = beResident(*resident, *work, *heap)
	} else {
		err = run(strings.Split(*which, ","), *quick, *out, *from, *page)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(which []string, quick bool, out, from, page string) error {
	var r results
	if from != "" {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(content, &r); err != nil {
			return err
		}
	} else {
		var err error
		if r, err = measure(which, quick); err != nil {
			return err
		}
	}
	r.Budgets = budgets(&r)
	if err := printSummary(os.Stdout, &r); err != nil {
		return err
	}
	if page != "" {
		if err := writePage(page, &r); err != nil {
			return err
		}
	}
	if out == "" {
		return nil
	}
	content, err := json.MarshalIndent(&r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(out, append(content, '\n'), 0o644)
}

// measure makes the work directory and runs the parts.
func measure(which []string, quick bool) (results, error) {
	b := &bench{root: os.Getuid() == 0, quick: quick, begin: time.Now()}
	b.results.Machine, b.results.Quick = thisMachine(), quick
	b.results.When = time.Now().UTC().Truncate(time.Second)
	defer b.end()
	b.endOnSignal()
	for _, name := range which {
		if !strings.Contains(","+partNames()+",", ","+name+",") {
			return b.results, fmt.Errorf("no part %q; there are %s", name, partNames())
		}
	}
	b.progress("building the programs in C")
	var err error
	b.work, err = newWork()
	b.atEnd(func() { os.RemoveAll(b.work) })
	if err != nil {
		return b.results, err
	}
	if err := b.prepareFloor(); err != nil {
		return b.results, err
	}
	for _, p := range parts {
		if !strings.Contains(","+strings.Join(which, ",")+",", ","+p.name+",") {
			continue
		}
		if err := p.run(b); err != nil {
			return b.results, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	b.progress("done")
	return b.results, nil
}

// beResident is this program in the service of another run of it.
func beResident(kind, work string, heap int64) error {
	b := &bench{root: os.Getuid() == 0, work: work}
	held := touch(heap)
	defer func() { held[0] = 0 }()
	switch kind {
	case "library":
		return serve(libraryWay(kind, b.libraryOptions()))
	case "library-facts":
		return serveFacts(libraryWay(kind, b.libraryOptions()))
	case "idle":
		return serve(b.libraryIdle())
	case "userns":
		return serve(b.plain(kind, newUserNS))
	}
	return errors.New("no such resident")
}

// touch returns a heap of which every page is there.
func touch(n int64) []byte {
	heap := make([]byte, max(n, 1))
	for i := 0; i < len(heap); i += 4096 {
		heap[i] = 1
	}
	return heap
}
