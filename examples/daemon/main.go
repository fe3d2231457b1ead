// Daemon runs a name server, dnsmasq, as nobody with one capability: to bind
// port 53. It has a network of its own, in which a second command asks it for
// addresses by the C library's resolver. Then it is stopped in good order.
//
//	go run ./examples/daemon
//
// It needs Debian's dnsmasq-base.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// capability is all that the server has. A user who is not root cannot listen
// below port 1024 without it.
const capability = "net_bind_service"

// policy is what the server and those who ask it are held to.
func policy(dir string) []sandbox.Option {
	return []sandbox.Option{
		sandbox.WithHostname("daemon"),
		sandbox.WithPids(16),
		sandbox.DropCap("all"),
		sandbox.AddCap(capability),
		sandbox.WithReadOnlyBind(filepath.Join(dir, "resolv.conf"), "/etc/resolv.conf"),
	}
}

// resolver makes a directory with a resolv.conf that leads to the server.
func resolver() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "daemon-"); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "resolv.conf"), []byte("nameserver 127.0.0.1\n"), 0o644)
}

// A daemon is a server that runs.
type daemon struct {
	*sandbox.Process
	said  strings.Builder // its log, complete when quiet is closed
	quiet chan struct{}
}

// serve starts the server and returns when it listens.
func serve(ctx context.Context, opts ...sandbox.Option) (*daemon, error) {
	cmd := exec.Command("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--log-facility=-",
		"--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/#/",
		"--address=/example/192.0.2.7", "--host-record=printer.example,192.0.2.8")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p, err := sandbox.Start(ctx, cmd, opts...)
	if err != nil {
		return nil, err
	}
	d := &daemon{Process: p, quiet: make(chan struct{})}
	ready := make(chan bool, 1)
	go func() {
		defer close(d.quiet)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&d.said, lines.Text())
			if strings.Contains(lines.Text(), "started, version") { // it listens by then
				ready <- true
			}
		}
		close(ready)
	}()
	if !<-ready {
		_, err = d.wait()
		return nil, errors.Join(errors.New("the server never listened"), err)
	}
	return d, nil
}

func (d *daemon) wait() (*sandbox.Result, error) {
	result, err := d.Wait()
	<-d.quiet
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, &d.said)
	}
	return result, err
}

// stop asks the server to end, and kills it if it has not ten seconds later.
func (d *daemon) stop() (*sandbox.Result, error) {
	signaled := d.Signal(syscall.SIGTERM)
	defer time.AfterFunc(10*time.Second, func() { d.Kill() }).Stop()
	result, err := d.wait()
	return result, errors.Join(signaled, err)
}

// lookup asks for a name, in one more command beside the server. An unknown
// name has no address.
func (d *daemon) lookup(ctx context.Context, name string) (address string, err error) {
	var stdout strings.Builder
	cmd := exec.Command("getent", "ahosts", name)
	cmd.Stdout = &stdout
	result, err := d.Exec(ctx, cmd)
	const unknown = 2 // getent(1)
	if result != nil && result.ExitCode == unknown {
		return "", nil
	}
	address, _, _ = strings.Cut(stdout.String(), " ")
	return address, err
}

func run(ctx context.Context) error {
	dir, err := resolver()
	defer os.RemoveAll(dir)
	if err != nil {
		return err
	}
	d, err := serve(ctx, policy(dir)...)
	if err != nil {
		return err
	}
	defer d.Kill()
	for _, name := range []string{"www.example", "printer.example", "www.other"} {
		address, err := d.lookup(ctx, name)
		if err != nil {
			return err
		}
		fmt.Printf("%-16s %s\n", name, address)
	}
	result, err := d.stop()
	if err == nil {
		fmt.Printf("the server %v\n", result)
	}
	return err
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
