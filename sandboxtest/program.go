package sandboxtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Prebuilt is the environment variable that names a probe program which need
// not be built.
const Prebuilt = "SANDBOXTEST_PROBE"

// A program is the probe program in a directory of its own, where every user
// can reach it.
type program struct{ path string }

func build(ctx context.Context) (*program, error) {
	dir, err := os.MkdirTemp("", "sandboxtest-")
	if err != nil {
		return nil, err
	}
	p := &program{filepath.Join(dir, "probe")}
	make := p.compile
	if file := os.Getenv(Prebuilt); file != "" {
		make = func(context.Context) error { return p.copy(file) }
	}
	err = make(ctx)
	for _, path := range []string{dir, p.path} {
		if err == nil {
			err = os.Chmod(path, 0o755)
		}
	}
	if err != nil {
		p.remove()
		return nil, fmt.Errorf("make the probe program: %w", err)
	}
	return p, nil
}

func (p *program) remove() error { return os.RemoveAll(filepath.Dir(p.path)) }

func (p *program) compile(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", p.path, "github.com/seed-d1379373/sandbox/sandboxtest/probe")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+withoutRace(os.Getenv("GOFLAGS")))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s(the go command is needed; %s names a probe program that is built already)", err, out, Prebuilt)
	}
	return nil
}

// withoutRace leaves out what needs cgo.
func withoutRace(flags string) string {
	kept := strings.Fields(flags)
	for i := 0; i < len(kept); i++ {
		switch kept[i] {
		case "-race", "-msan", "-asan":
			kept = append(kept[:i], kept[i+1:]...)
			i--
		}
	}
	return strings.Join(kept, " ")
}

func (p *program) copy(file string) error {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(p.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	return to.Close()
}
