//go:build linux

package sandbox_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/seed-d1379373/sandbox"
)

// The program sees the system's programs and a /tmp of its own, and neither
// the host's home directories nor its network.
func Example() {
	cmd := exec.Command("sh", "-c", "echo hello from $(uname -n); ls /home 2>/dev/null")
	cmd.Stdout = os.Stdout
	_, err := sandbox.Run(context.Background(), cmd)
	fmt.Println(err)
	// Output:
	// hello from sandbox
	// sandbox: command exited with status 2
}

func ExampleRun() {
	cmd := exec.Command("sort")
	cmd.Stdin, cmd.Stdout = strings.NewReader("b\na\n"), os.Stdout
	res, err := sandbox.Run(context.Background(), cmd, sandbox.WithPids(16))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(res)
	// Output:
	// a
	// b
	// exited with status 0
}

// Start returns when the program executes; the pipes of os/exec work.
func ExampleStart() {
	cmd := exec.Command("tr", "a-z", "A-Z")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	io.WriteString(in, "loud\n")
	in.Close()
	io.Copy(os.Stdout, out)
	fmt.Println(p.Wait())
	// Output:
	// LOUD
	// exited with status 0 <nil>
}

// A Sandbox is a policy. Each command gets a sandbox of its own from it, so
// one leaves nothing for the next.
func ExampleSandbox() {
	s, err := sandbox.New(sandbox.WithPids(32))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	for range 2 {
		cmd := exec.Command("sh", "-c", "ls /tmp | wc -l; touch /tmp/left-behind")
		cmd.Stdout = os.Stdout
		if _, err := s.Run(context.Background(), cmd); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0
	// 0
}

// A Sandbox is safe for concurrent use.
func ExampleSandbox_Run() {
	s, err := sandbox.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	results := make([]string, 4)
	var wait sync.WaitGroup
	for i := range results {
		wait.Go(func() {
			res, _ := s.Run(context.Background(), exec.Command("sh", "-c", fmt.Sprint("exit ", i)))
			results[i] = res.String()
		})
	}
	wait.Wait()
	for _, r := range results {
		fmt.Println(r)
	}
	// Output:
	// exited with status 0
	// exited with status 1
	// exited with status 2
	// exited with status 3
}

func ExampleSandbox_Start() {
	s, err := sandbox.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	p, err := s.Start(context.Background(), exec.Command("true"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Wait())
	// Output:
	// exited with status 0 <nil>
}

// A plan is what a start would do, without doing it.
func ExampleSandbox_Plan() {
	s, err := sandbox.New(sandbox.WithHostname("judge"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	plan, err := s.Plan(exec.Command("/bin/true"))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range []string{"set hostname judge", "set no_new_privs", "load seccomp filter", "execute /bin/true"} {
		fmt.Println(slices.Contains(plan.Steps, step), step)
	}
	// Output:
	// true set hostname judge
	// true set no_new_privs
	// true load seccomp filter
	// true execute /bin/true
}

func ExampleSandbox_Close() {
	s, err := sandbox.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	s.Close()
	_, err = s.Run(context.Background(), exec.Command("true"))
	fmt.Println(err)
	// Output:
	// sandbox: closed
}

// Signal reaches the command alone, and what it does about it is the result.
func ExampleProcess_Signal() {
	cmd := exec.Command("sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
	out, _ := cmd.StdoutPipe()
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fmt.Println(lines.Text())
		if lines.Text() == "ready" {
			p.Signal(syscall.SIGTERM)
		}
	}
	res, _ := p.Wait()
	fmt.Println(res)
	// Output:
	// ready
	// bye
	// exited with status 3
}

// Kill ends every process in the sandbox.
func ExampleProcess_Kill() {
	p, err := sandbox.Start(context.Background(), exec.Command("sh", "-c", "sleep 1000 & sleep 1000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Kill()
	res, _ := p.Wait()
	fmt.Println(res.Reason, res.Signal)
	// Output:
	// Signaled killed
}

// A process left behind with standard output open does not hold Wait up.
func ExampleProcess_Wait() {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo done")
	var out strings.Builder // which os/exec fills from a pipe
	cmd.Stdout = &out
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := p.Wait()
	fmt.Print(out.String())
	fmt.Println(res, err)
	// Output:
	// done
	// exited with status 0 <nil>
}

// The command has an id in the host's PID namespace and another one inside.
func ExampleProcess_PID() {
	cmd := exec.Command("sh", "-c", "echo inside: $$; cat >/dev/null")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	p, err := sandbox.Start(context.Background(), cmd)
	if err != nil {
		fmt.Println(err)
		return
	}
	lines := bufio.NewScanner(out)
	lines.Scan()
	fmt.Println(lines.Text())
	_, err = os.Stat(fmt.Sprintf("/proc/%d", p.PID()))
	fmt.Println("outside:", err == nil)
	in.Close()
	p.Wait()
	// Output:
	// inside: 2
	// outside: true
}

// The end of the context ends the sandbox.
func Example_cancel() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p, err := sandbox.Start(ctx, exec.Command("sleep", "1000"))
	if err != nil {
		fmt.Println(err)
		return
	}
	cancel()
	res, err := p.Wait()
	fmt.Println(res.Reason, errors.Is(err, context.Canceled))
	// Output:
	// Canceled true
}
