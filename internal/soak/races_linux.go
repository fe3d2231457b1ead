package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/leak"
)

func races() []Scenario {
	return []Scenario{
		{"race bind source", swapSource},
		{"race bind target", swapTarget},
		{"race program", swapProgram},
		{"race methods", methodsAtOnce},
	}
}

// swaps counts the exchanges that the races have made.
var swaps atomic.Int64

// swapping exchanges two names of a directory as fast as it can until act is done.
func swapping(dir, a, b string, act func() error) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var stop atomic.Bool
	var swapper sync.WaitGroup
	var failed error
	swapper.Go(func() {
		for !stop.Load() && failed == nil {
			failed = unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE)
			swaps.Add(1)
		}
	})
	err = act()
	stop.Store(true)
	swapper.Wait()
	return errors.Join(err, failed)
}

// tree makes files and links below a new directory: a name that ends with a
// slash is a directory, a content that begins with "->" a link.
func (e *Env) tree(files ...[2]string) (dir string, err error) {
	if dir, err = os.MkdirTemp(e.Dir, "race-"); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return dir, err
	}
	for _, f := range files {
		path := filepath.Join(dir, f[0])
		switch target, link := strings.CutPrefix(f[1], "->"); {
		case link:
			err = os.Symlink(target, path)
		case strings.HasSuffix(f[0], "/"):
			err = os.MkdirAll(path, 0o755)
		default:
			err = errors.Join(os.WriteFile(path, []byte(f[1]), 0o755), os.Chmod(path, 0o755))
		}
		if err != nil {
			return dir, err
		}
	}
	return dir, nil
}

const starts = 5 // of each race

// swapSource exchanges the source of a bind for a link to another directory, to
// one that leads nowhere and to a file. The sandbox has either one or none.
func swapSource(ctx context.Context, e *Env) error {
	dir, err := e.tree([2]string{"one/"}, [2]string{"one/who", "one\n"}, [2]string{"two/"}, [2]string{"two/who", "two\n"}, [2]string{"link", "->two"}, [2]string{"file", "x"})
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, other := range []string{"link", "file"} {
		err := swapping(dir, "one", other, func() error {
			for range starts {
				out, _, err := shell(ctx, "cat /src/who && ! echo >/src/new", limited(sandbox.WithReadOnlyBind(filepath.Join(dir, "one"), "/src"))...)
				out, _, _ = strings.Cut(out, "\n")
				var setup *sandbox.SetupError
				var exit *sandbox.ExitError
				switch {
				case err == nil && (out == "one" || out == "two"), errors.As(err, &setup):
				case errors.As(err, &exit) && other == "file": // a file is bound on a place for one
				default:
					return fmt.Errorf("%w: %s", err, out)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", other, err)
		}
	}
	return nil
}

// swapTarget exchanges the target of a bind, within a directory that the command
// may write to, for links out of it (CVE-2021-30465). Wherever the mount goes, it
// is in the sandbox, and the host's mounts and files are what they were.
func swapTarget(ctx context.Context, e *Env) error {
	dir, err := e.tree([2]string{"payload/"}, [2]string{"payload/mark", "payload\n"}, [2]string{"shared/"}, [2]string{"shared/place/"},
		[2]string{"shared/up", "->../../../../../../../../../../etc"}, [2]string{"shared/root", "->/"}, [2]string{"shared/proc", "->/proc/1/root/etc"})
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	before := mountsBelow(dir)
	for _, link := range []string{"up", "root", "proc"} {
		err := swapping(filepath.Join(dir, "shared"), "place", link, func() error {
			for range starts {
				const script = "cat /etc/shadow /etc/machine-id 2>/dev/null; test ! -e /home; echo inside"
				out, _, err := shell(ctx, script, limited(
					sandbox.WithBind(filepath.Join(dir, "shared"), "/data"),
					sandbox.WithReadOnlyBind(filepath.Join(dir, "payload"), "/data/place"))...)
				var setup *sandbox.SetupError
				var missing *exec.Error // a mount on the root hides every program
				if err != nil && !errors.As(err, &setup) && !errors.As(err, &missing) {
					return err
				}
				if err == nil && out != "inside" {
					return fmt.Errorf("it could read %q", out)
				}
				if now := mountsBelow(dir); !slices.Equal(now, before) {
					return fmt.Errorf("the host has the mounts %v", now)
				}
				if _, err := os.Stat("/etc/mark"); err == nil {
					return errors.New("the host has /etc/mark")
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", link, err)
		}
	}
	return nil
}

// mountsBelow are the host's mounts that a race could make.
func mountsBelow(dir string) (out []string) {
	for _, m := range leak.Mounts("/proc/self/mountinfo") {
		if strings.HasPrefix(m.Point, dir) || strings.HasPrefix(m.Point, "/etc") {
			out = append(out, m.Point)
		}
	}
	return out
}

// swapProgram exchanges the program while it is executed: one of the two runs.
func swapProgram(ctx context.Context, e *Env) error {
	dir, err := e.tree([2]string{"one", "#!/bin/sh\necho one\n"}, [2]string{"two", "#!/bin/sh\necho two\n"})
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	return swapping(dir, "one", "two", func() error {
		for range 2 * starts {
			var out strings.Builder
			cmd := exec.Command("/data/one")
			cmd.Stdout = &out
			if _, err := sandbox.Run(ctx, cmd, limited(sandbox.WithReadOnlyBind(dir, "/data"))...); err != nil {
				return err
			}
			if got := out.String(); got != "one\n" && got != "two\n" {
				return fmt.Errorf("it printed %q", got)
			}
		}
		return nil
	})
}

// methodsAtOnce calls the methods of one process from several goroutines until
// it is killed.
func methodsAtOnce(ctx context.Context, _ *Env) error {
	p, err := sandbox.Start(ctx, exec.Command("sleep", "1000"), limited()...)
	if err != nil {
		return err
	}
	var callers sync.WaitGroup
	for _, call := range []func() error{
		p.Pause, p.Resume,
		func() error { return p.Signal(unix.SIGWINCH) },
		func() error { return p.Update(sandbox.WithPids(50)) },
		func() error { _, err := p.Stats(); return err },
		func() error { _, err := p.Exec(ctx, exec.Command("true")); return err },
	} {
		callers.Go(func() {
			for call() == nil {
			}
		})
	}
	<-after(ctx, soon())
	p.Kill()
	res, err := p.Wait()
	callers.Wait()
	return check(res, err, want{sandbox.Signaled, 0}, want{sandbox.Canceled, 0})
}
