package main

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// sources are the programs in C.
//
//go:embed c
var sources embed.FS

// inside is where every way shows the work directory.
const inside = "/bench"

// newWork makes a directory that everyone can read, with the C programs and a
// copy of this one for other users to run.
func newWork() (string, error) {
	dir, err := os.MkdirTemp("", "sandbox-bench-")
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return dir, err
	}
	c, err := fs.Sub(sources, "c")
	if err != nil {
		return dir, err
	}
	if err := os.CopyFS(filepath.Join(dir, "c"), c); err != nil {
		return dir, err
	}
	for _, build := range [][]string{
		{"-nostdlib", "-static", "-o", "exit", "c/exit.c"},
		{"-static", "-o", "program", "c/program.c"},
		{"-static", "-o", "floor", "c/floor.c", "c/floor_groups.c", "c/floor_view.c", "c/floor_command.c"},
	} {
		if err := compile(dir, build...); err != nil {
			return dir, err
		}
	}
	return dir, copyFile("/proc/self/exe", filepath.Join(dir, "bench"))
}

func compile(dir string, args ...string) error {
	cmd := exec.Command("gcc", append([]string{"-O2"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o755)
}
