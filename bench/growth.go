package main

import (
	"context"
	"fmt"
	"os/exec"
	"path"
	"strconv"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// heap is the time of a start in a host program with so much heap.
type heap struct {
	Heap    int64  `json:"heap"` // bytes
	Library spread `json:"library"`
	UserNS  spread `json:"userNS"` // os/exec with CLONE_NEWUSER
}

// live is the time of a start beside so many sandboxes that run.
type live struct {
	Live  int    `json:"live"`
	Floor spread `json:"floor"` // of the C program, beside the same ones
	Plain spread `json:"plain"` // of os/exec, from the same host program
	spread
}

// measureHeap has a host program of each size start in turn.
func (b *bench) measureHeap() error {
	sizes := []int64{10 << 20, 1 << 30, 4 << 30}
	available := fields("/proc/meminfo")["MemAvailable"]
	var ways []way
	var measured []int64
	for _, size := range sizes {
		if 3*size > available {
			b.progress("no memory for a host with a heap of %d bytes", size)
			continue
		}
		measured = append(measured, size)
		kinds := []string{"library", "userns"}
		if size > 1<<30 {
			kinds = kinds[:1] // enough is seen, and it would take long
		}
		for _, kind := range kinds {
			ways = append(ways, way{
				name: fmt.Sprint(kind, " ", size), slow: kind == "userns",
				open: func() (starter, error) {
					return newResident(b.resident(kind, "-heap", strconv.FormatInt(size, 10)))
				},
			})
		}
	}
	b.progress("the time of a start in hosts with heaps of %v bytes", measured)
	all, err := inTurn(ways, b.fewer(150), b.window(20*time.Second))
	if err != nil {
		return err
	}
	for _, size := range measured {
		own, _ := of(all, fmt.Sprint("library ", size))
		userNS, _ := of(all, fmt.Sprint("userns ", size))
		b.results.Heap = append(b.results.Heap, heap{size, own.spread, userNS.spread})
	}
	return nil
}

// measureLive starts beside more and more sandboxes.
func (b *bench) measureLive() error {
	counts := []int{10, 100, 1000}
	if b.quick {
		counts = counts[:2]
	}
	b.progress("the time of a start beside %v sandboxes", counts)
	s, err := sandbox.New(b.libraryOptions()...)
	if err != nil {
		return err
	}
	defer s.Close()
	floor := b.floorWay(floorUser, false)
	if b.root {
		floor = b.floorWay(floorRoot, true)
	}
	running := make(chan *sandbox.Process, counts[len(counts)-1])
	defer func() {
		close(running)
		for p := range running {
			p.Kill()
			p.Wait()
		}
	}()
	for _, n := range counts {
		for len(running) < n-1 {
			p, err := s.Start(context.Background(), exec.Command(path.Join(inside, "program"), "pause"))
			if err != nil {
				return err
			}
			running <- p
		}
		all, err := inTurn([]way{libraryWay(libraryCold, b.libraryOptions()), floor, b.plain(plainExec, 0)}, b.fewer(60), b.window(15*time.Second))
		if err != nil {
			return err
		}
		b.results.Live = append(b.results.Live, live{n, all[1].spread, all[2].spread, all[0].spread})
	}
	return nil
}
