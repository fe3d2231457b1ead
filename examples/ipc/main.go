// Ipc passes messages between two sandboxes, a producer and a consumer, by System
// V queue, POSIX queue and shared memory: they arrive only where the two share an
// IPC namespace.
//
//	go run ./examples/ipc
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
)

//go:embed message.py
var script string

// A scene is how the two sandboxes are started. The consumer's mode may depend
// on the producer.
type scene struct {
	what     string
	producer sandbox.IPCMode
	consumer func(producer *sandbox.Process) sandbox.IPCMode
}

func fixed(m sandbox.IPCMode) func(*sandbox.Process) sandbox.IPCMode {
	return func(*sandbox.Process) sandbox.IPCMode { return m }
}

var scenes = []scene{
	{"apart", sandbox.IPCShareable, fixed(sandbox.IPCPrivate)},
	{"without any IPC", sandbox.IPCShareable, fixed(sandbox.IPCNone)},
	{"joined", sandbox.IPCShareable, sandbox.IPCFrom},
	{"both the host's", sandbox.IPCHost, fixed(sandbox.IPCHost)},
	{"joining a private one", sandbox.IPCPrivate, sandbox.IPCFrom},
}

// A producer has sent its messages and keeps them until it is stopped.
type producer struct {
	*sandbox.Process
	stdin io.Closer
}

func produce(ctx context.Context, name string, mode sandbox.IPCMode) (*producer, error) {
	cmd := exec.Command("python3", "-c", script, "produce", name)
	var failure bytes.Buffer
	cmd.Stderr = &failure
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	p, err := sandbox.Start(ctx, cmd, sandbox.WithIPC(mode))
	if err != nil {
		return nil, err
	}
	if line, _ := bufio.NewReader(stdout).ReadString('\n'); line != "sent\n" {
		_, err := p.Wait()
		return nil, fmt.Errorf("the producer: %w\n%s", err, &failure)
	}
	return &producer{p, stdin}, nil
}

// stop lets the producer remove its queues, which otherwise remain on the host
// if they are the host's.
func (p *producer) stop() error {
	p.stdin.Close()
	_, err := p.Wait()
	return err
}

// consume returns a line for each way of sending.
func consume(ctx context.Context, name string, mode sandbox.IPCMode) ([]string, error) {
	cmd := exec.Command("python3", "-c", script, "consume", name)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	if _, err := sandbox.Run(ctx, cmd, sandbox.WithIPC(mode)); err != nil {
		return nil, fmt.Errorf("%w%s", err, &failure)
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n"), nil
}

// play runs a scene. The error is also what a consumer meets that is refused.
func play(ctx context.Context, s scene) ([]string, error) {
	name := fmt.Sprint(os.Getpid()) // among the host's
	p, err := produce(ctx, name, s.producer)
	if err != nil {
		return nil, err
	}
	received, err := consume(ctx, name, s.consumer(p.Process))
	return received, errors.Join(err, p.stop())
}

func main() {
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	defer t.Flush()
	fmt.Fprintln(t, "CONSUMER\tRECEIVED")
	for _, s := range scenes {
		received, err := play(context.Background(), s)
		if err != nil {
			received = []string{"refused: " + err.Error()}
		}
		fmt.Fprintf(t, "%s\t%s\n", s.what, strings.Join(received, "\t"))
	}
}
