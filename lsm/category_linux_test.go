package lsm

import (
	"os"
	"os/exec"
	"sync"
	"testing"
)

// Holders at the same time have different pairs; a pair that was given back can
// be had again.
func TestCategoriesAreNotShared(t *testing.T) {
	const holders = 300
	var mu sync.Mutex
	var all []*Categories
	var wg sync.WaitGroup
	for range holders {
		wg.Go(func() {
			c, err := AllocateCategories()
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, c)
		})
	}
	wg.Wait()
	seen := map[[2]int]bool{}
	for _, c := range all {
		if c.First < 0 || c.First >= c.Second || c.Second >= CategoryCount || seen[[2]int{c.First, c.Second}] {
			t.Errorf("c%d,c%d: taken before is %v", c.First, c.Second, seen[[2]int{c.First, c.Second}])
		}
		seen[[2]int{c.First, c.Second}] = true
	}
	level := all[0].Level("s0")
	if HoldCategories(level) != nil {
		t.Errorf("%s is held twice", level)
	}
	for _, c := range all {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("closed again: %v", err)
		}
	}
	again := HoldCategories(level)
	if again == nil {
		t.Fatalf("%s is still held", level)
	}
	again.Close()
}

// A pair with several holders is free when the last one is done.
func TestSharedCategories(t *testing.T) {
	c, err := AllocateCategories()
	if err != nil {
		t.Fatal(err)
	}
	shared, err := c.Share()
	if err != nil || shared.Level("s1") != c.Level("s1") {
		t.Fatalf("%v, %v", shared, err)
	}
	c.Close()
	if h := HoldCategories(shared.Level("s0")); h != nil {
		t.Errorf("free while %s is held", shared.Level("s0"))
	}
	if _, err := c.Share(); err == nil {
		t.Error("a holder that is done shares")
	}
	shared.Close()
	h := HoldCategories(shared.Level("s0"))
	if h == nil {
		t.Errorf("%s is still held", shared.Level("s0"))
	}
	h.Close()
	if h := HoldCategories("s0:c1"); h != nil {
		t.Error("one category is no pair")
	}
}

// Another program's pairs are not given out, and are free when it is killed.
func TestCategoriesOfAnotherProcess(t *testing.T) {
	if os.Getenv("HOLD_CATEGORIES") != "" {
		c, err := AllocateCategories()
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString(c.Level("s0") + "\n")
		select {}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestCategoriesOfAnotherProcess$")
	cmd.Env = append(os.Environ(), "HOLD_CATEGORIES=yes")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	level := string(line[:n-1])
	if HoldCategories(level) != nil {
		t.Errorf("%s is held by two processes", level)
	}
	cmd.Process.Kill()
	cmd.Wait()
	c := HoldCategories(level)
	if c == nil {
		t.Fatalf("%s is held by a process that was killed", level)
	}
	c.Close()
}
