package sandboxtest

import (
	"context"
	"os/exec"
	"slices"

	"github.com/seed-d1379373/sandbox"
)

// inside is where the probe program is in a sandbox: /tmp is writable in every
// view.
const inside = "/tmp/sandboxtest"

// In runs commands in a sandbox with these options, for [Audit].
func In(ctx context.Context, opts ...sandbox.Option) func(*exec.Cmd) error {
	return func(cmd *exec.Cmd) error {
		opts := append(slices.Clone(opts), sandbox.WithReadOnlyBind(cmd.Path, inside))
		cmd.Path, cmd.Args[0] = inside, inside
		_, err := sandbox.Run(ctx, cmd, opts...)
		return err
	}
}

// Through runs commands by another program's command line, for [Audit]: the
// arguments, then the command's own. An argument PROBE stands for the path of
// the probe program on the host, which the launcher must show at the same path
// inside:
//
//	Through("bwrap", "--ro-bind", "/usr", "/usr", "--ro-bind", "PROBE", "PROBE", "--")
func Through(argv ...string) func(*exec.Cmd) error {
	return func(cmd *exec.Cmd) error {
		args := slices.Clone(argv)
		for i, a := range args {
			if a == "PROBE" {
				args[i] = cmd.Path
			}
		}
		path, err := exec.LookPath(args[0])
		if err != nil {
			return err
		}
		args = append(append(args, cmd.Path), cmd.Args[1:]...)
		cmd.Path, cmd.Args = path, args
		return cmd.Run()
	}
}
