package cgroup_test

import (
	"errors"
	"fmt"
	"log"
	"os/exec"

	"github.com/seed-d1379373/sandbox/cgroup"
)

func Example() {
	h, err := cgroup.Discover()
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()

	g, err := h.Create("", cgroup.Limits{Memory: 64 << 20, Pids: 32, CPUs: 0.5})
	var unsupported *cgroup.UnsupportedError
	if errors.As(err, &unsupported) {
		log.Fatal("this host or user cannot: ", unsupported.Fix)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer g.Remove()

	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	if err := g.Add(cmd.Process.Pid); err != nil {
		log.Fatal(err)
	}
	if stats, err := g.Stats(); err == nil {
		fmt.Println(stats)
	}
	if err := g.Kill(); err != nil {
		log.Fatal(err)
	}
	_ = cmd.Wait()
}

func ExampleHierarchy_Controllers() {
	h, err := cgroup.Discover()
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	for _, s := range h.Controllers() {
		if s.Err != nil {
			fmt.Println(s.Controller, "cannot be used:", s.Err)
			continue
		}
		fmt.Printf("%s: v%d at %s\n", s.Controller, s.Version, s.Path)
	}
}
