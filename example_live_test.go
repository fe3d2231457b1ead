//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
)

// One more command in a sandbox that runs, as docker exec.
func ExampleProcess_Exec() {
	first := exec.Command("sh", "-c", "echo shared > /tmp/file; echo ready; cat")
	in, _ := first.StdinPipe()
	out, _ := first.StdoutPipe()
	p, err := sandbox.Start(context.Background(), first)
	if err != nil {
		fmt.Println(err)
		return
	}
	out.Read(make([]byte, len("ready\n")))
	second := exec.Command("cat", "/tmp/file")
	second.Stdout = os.Stdout
	res, err := p.Exec(context.Background(), second)
	fmt.Println(res, err)
	in.Close()
	p.Wait()
	// Output:
	// shared
	// exited with status 0 <nil>
}

// The numbers of a sandbox that runs, where the host can make it a cgroup.
func ExampleProcess_Stats() {
	cmd := exec.Command("cat")
	in, _ := cmd.StdinPipe()
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := p.Stats()
	counted := err == nil && stats.Memory.Usage > 0
	fmt.Println("counted or refused:", counted || errors.Is(err, errors.ErrUnsupported))
	in.Close()
	p.Wait()
	// Output:
	// counted or refused: true
}

// A sandbox stands still between Pause and Resume.
func ExampleProcess_Pause() {
	cmd := exec.Command("cat")
	in, _ := cmd.StdinPipe()
	cmd.Stdout = os.Stdout
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.Pause()
	fmt.Println("paused or refused:", err == nil || errors.Is(err, errors.ErrUnsupported))
	fmt.Fprintln(in, "said while it was paused")
	if err == nil {
		err = p.Resume()
	}
	in.Close()
	fmt.Println(p.Wait())
	// Output:
	// paused or refused: true
	// said while it was paused
	// exited with status 0 <nil>
}

func ExampleProcess_Resume() {
	cmd := exec.Command("cat")
	in, _ := cmd.StdinPipe()
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.Resume() // of one that is not paused
	fmt.Println(err == nil || errors.Is(err, errors.ErrUnsupported))
	in.Close()
	p.Wait()
	// Output:
	// true
}

// Limits may change while a sandbox runs, and nothing else.
func ExampleProcess_Update() {
	cmd := exec.Command("cat")
	in, _ := cmd.StdinPipe()
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = p.Update(sandbox.WithMemory(256<<20), sandbox.WithPids(20))
	fmt.Println("changed or refused:", err == nil || errors.Is(err, errors.ErrUnsupported))

	err = p.Update(sandbox.WithUser("root"))
	var option *sandbox.OptionError
	fmt.Println(errors.As(err, &option))
	in.Close()
	p.Wait()
	// Output:
	// changed or refused: true
	// true
}
