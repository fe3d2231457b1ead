package sandbox_test

import (
	"context"
	"fmt"
	"log"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
)

// The whole trace is a table; here it is asked for one step.
func ExampleSandbox_Trace() {
	s, err := sandbox.New()
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	trace, err := s.Trace(context.Background(), exec.Command("true"))
	if err != nil {
		log.Fatal(err)
	}
	for _, step := range trace.Steps {
		if step.Step == "mount proc /proc" {
			fmt.Println(step.Process, "mounted /proc")
		}
	}
	// Output: PID 1 mounted /proc
}
