// Userremap runs a command as root whose ids are those of unprivileged users
// outside, as dockerd's userns-remap does: it cannot make a file in the host's root
// directory, and what it makes in a directory that it was given belongs to the
// first of those ids.
//
//	go run ./examples/userremap
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/namespace"
)

// byHand is the map of an entry dockremap:5000:10000.
var byHand = namespace.IDMaps{{Inside: 0, Outside: 5000, Count: 10000}}

// remap is the option for a user with an entry in /etc/subuid and /etc/subgid.
// Without one it is the same by hand, and the error says what is missing.
func remap(user string) (sandbox.Option, error) {
	if _, _, err := namespace.Remap(user); err != nil {
		return sandbox.WithIDMap(byHand, byHand), err
	}
	return sandbox.WithUserRemap(user), nil
}

const script = `echo "I am user $(id -u) inside."
echo 'The map of ids, as inside, outside, count:'
cat /proc/self/uid_map
touch /host/afile
touch /shared/afile && ls -ln /shared/afile`

// attempt runs the script in a sandbox that sees the host's root and a shared
// directory, both writable as far as permissions allow.
func attempt(ctx context.Context, w io.Writer, shared string, opt sandbox.Option) error {
	cmd := exec.Command("sh", "-c", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_, err := sandbox.Run(ctx, cmd, opt,
		sandbox.WithUser("root"),
		sandbox.WithBind(shared, "/shared"),
		sandbox.WithBind("/", "/host"))
	fmt.Fprint(w, out.String())
	return err
}

func run(ctx context.Context, w io.Writer, user string) error {
	opt, missing := remap(user)
	if missing != nil {
		fmt.Fprintf(w, "%v\nWithout the entry the map is given by hand.\n\n", missing)
	}
	shared, err := os.MkdirTemp("", "shared-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(shared)
	if err := os.Chmod(shared, 0o777); err != nil {
		return err
	}
	if err := attempt(ctx, w, shared, opt); err != nil {
		return err
	}
	fmt.Fprintln(w, "On the host:")
	out, err := exec.CommandContext(ctx, "ls", "-ln", shared+"/afile").Output()
	fmt.Fprintf(w, "%s", out)
	if _, made := os.Lstat("/afile"); made == nil {
		return errors.Join(err, errors.New("/afile exists on the host"))
	}
	return err
}

func main() {
	user := flag.String("user", "dockremap", "whose `subordinate` ids to use")
	flag.Parse()
	if err := run(context.Background(), os.Stdout, *user); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
