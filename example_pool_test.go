package sandbox_test

import (
	"context"
	"fmt"
	"log"
	"os/exec"
	"strings"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// A service that runs many short commands keeps sandboxes ready for them.
func ExampleSandbox_Pool() {
	box, err := sandbox.New(sandbox.WithTimeout(10 * time.Second))
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	pool, err := box.Pool(context.Background(), 2)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	out := new(strings.Builder)
	cmd := exec.Command("echo", "hello from a sandbox that was ready")
	cmd.Stdout = out
	if _, err := pool.Run(context.Background(), cmd); err != nil {
		log.Fatal(err)
	}
	fmt.Print(out)
	fmt.Println(pool.State().Warm, "of 1 found one")
	// Output:
	// hello from a sandbox that was ready
	// 1 of 1 found one
}

// A pool follows the load.
func ExamplePool_Resize() {
	box, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer box.Close()
	pool, err := box.Pool(context.Background(), 1)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()
	if err := pool.Resize(3); err != nil {
		log.Fatal(err)
	}
	fmt.Println(pool.State().Size)
	// Output: 3
}
