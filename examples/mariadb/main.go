// Mariadb runs a real MariaDB server in a sandbox: 256 MiB of memory, 1024 CPU
// shares, an IPC namespace that others may join, no network, and one directory
// of the host for its data and its socket. The ordinary client talks to it from
// the host.
//
//	go run ./examples/mariadb
//
// It needs Debian's mariadb-server and mariadb-client, and a cgroup for the
// limits. Without one, as for most ordinary users, it says so and ends;
// -best-effort runs the server without the limits.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// policy is what the server is held to. Its directory is /data inside.
func policy(dir string) []sandbox.Option {
	return []sandbox.Option{
		sandbox.WithMemory(256 << 20),
		sandbox.WithCPUShares(1024),
		sandbox.WithIPC(sandbox.IPCShareable),
		sandbox.DropCap("net_raw"),
		sandbox.WithBind(dir, "/data"),
	}
}

// dataDir makes a directory that the server may write to: in a sandbox that
// root starts, that is nobody.
func dataDir() (string, error) {
	dir, err := os.MkdirTemp("", "mariadb-")
	if err == nil && os.Geteuid() == 0 {
		const nobody = 65534
		err = os.Chown(dir, nobody, nobody)
	}
	return dir, err
}

// install fills the directory with the system tables, in a sandbox as well.
func install(ctx context.Context, opts []sandbox.Option) error {
	cmd := exec.Command("mariadb-install-db", "--no-defaults", "--datadir=/data", "--skip-test-db",
		"--auth-root-authentication-method=normal") // no password: the directory is the lock
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	if _, err := sandbox.Run(ctx, cmd, opts...); err != nil {
		return fmt.Errorf("install: %w\n%s", err, &output)
	}
	return nil
}

// A server runs; its socket is in dir.
type server struct {
	*sandbox.Process
	dir   string
	said  strings.Builder // its log, complete when quiet is closed
	quiet chan struct{}
}

// serve starts the server and returns when it takes connections.
func serve(ctx context.Context, dir string, opts []sandbox.Option) (*server, error) {
	cmd := exec.Command("mariadbd", "--no-defaults", "--datadir=/data", "--socket=/data/mariadb.sock",
		"--pid-file=/data/mariadb.pid", "--skip-networking", "--innodb-buffer-pool-size=64M")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p, err := sandbox.Start(ctx, cmd, opts...)
	if err != nil {
		return nil, err
	}
	s := &server{Process: p, dir: dir, quiet: make(chan struct{})}
	ready := make(chan bool, 1)
	go func() {
		defer close(s.quiet)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			fmt.Fprintln(&s.said, lines.Text())
			if strings.Contains(lines.Text(), "ready for connections") {
				ready <- true
			}
		}
		close(ready)
	}()
	if !<-ready {
		_, err = s.wait()
		return nil, errors.Join(errors.New("the server never became ready"), err)
	}
	return s, nil
}

// wait waits for the server's end. If that was not a clean one the error has
// the server's log.
func (s *server) wait() (*sandbox.Result, error) {
	result, err := s.Wait()
	<-s.quiet
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, &s.said)
	}
	return result, err
}

// query asks the server with the host's own client, which prints a line for
// each row.
func (s *server) query(ctx context.Context, sql string) (string, error) {
	cmd := exec.CommandContext(ctx, "mariadb", "--no-defaults", "--user=root", "--batch", "--skip-column-names",
		"--socket="+filepath.Join(s.dir, "mariadb.sock"), "--execute="+sql)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("query: %w\n%s", err, out)
	}
	return string(out), nil
}

// stop asks the server to end, as an init system does, and kills it if it has
// not a minute later.
func (s *server) stop() (*sandbox.Result, error) {
	signaled := s.Signal(syscall.SIGTERM)
	defer time.AfterFunc(time.Minute, func() { s.Kill() }).Stop()
	result, err := s.wait()
	return result, errors.Join(signaled, err)
}

func run(ctx context.Context, bestEffort bool) error {
	dir, err := dataDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	opts := policy(dir)
	if bestEffort {
		opts = append(opts, sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPU))
	}
	if err := install(ctx, opts); err != nil {
		return err
	}
	s, err := serve(ctx, dir, opts)
	if err != nil {
		return err
	}
	fmt.Printf("mariadbd runs as process %d of the host\n", s.PID())
	rows, err := s.query(ctx, `CREATE DATABASE shop; USE shop;
		CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(40)) ENGINE=InnoDB;
		INSERT INTO goods VALUES (1, 'bucket'), (2, 'spade');
		SELECT id, name FROM goods ORDER BY id;`)
	fmt.Printf("rows read back:\n%s", rows)
	for _, l := range limitsOf(s.PID()) {
		fmt.Println("in force:", l)
	}
	result, stopped := s.stop()
	fmt.Printf("the server %v after %.1fs; peak memory %d MiB\n", result, result.Usage.Wall.Seconds(), result.Usage.Memory>>20)
	for _, m := range result.Report.Missing() {
		fmt.Printf("not enforced: %s: %s; %s\n", m.Feature, m.Detail, m.Fix)
	}
	return errors.Join(err, stopped)
}

func main() {
	bestEffort := flag.Bool("best-effort", false, "run without the limits that this host cannot enforce")
	flag.Parse()
	if err := run(context.Background(), *bestEffort); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
