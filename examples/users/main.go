// Users runs commands as different users and shows what follows from that: who
// they are, whether they can read a file of root's, and to whom the files belong
// that they make.
//
//	go run ./examples/users
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-d1379373/sandbox"
)

// specs are names and numbers; the numbers need not exist anywhere.
var specs = []string{"nobody", "nobody:nogroup", "daemon", "10000:20000"}

// command runs a shell command and returns what it printed, errors included.
func command(ctx context.Context, script string, opts ...sandbox.Option) (string, error) {
	cmd := exec.Command("sh", "-c", script)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_, err := sandbox.Run(ctx, cmd, opts...)
	return strings.TrimSpace(out.String()), err
}

// identities shows who a command is for each of the users, and which users it
// sees in its passwd file.
func identities(ctx context.Context, w io.Writer) error {
	for _, user := range specs {
		out, err := command(ctx, "id; echo users: $(cut -d: -f1 /etc/passwd)", sandbox.WithUser(user))
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		fmt.Fprintf(w, "-u %s\n   %s\n", user, strings.ReplaceAll(out, "\n", "\n   "))
	}
	return nil
}

// readers are who tries to read a file that is root's alone. Root inside is an
// unprivileged user outside, unless the host's user namespace is asked for.
var readers = []struct {
	who  string
	opts []sandbox.Option
}{
	{"nobody", []sandbox.Option{sandbox.WithUser("nobody")}},
	{"root", []sandbox.Option{sandbox.WithUser("root")}},
	{"root, host user namespace", []sandbox.Option{sandbox.WithUser("root"), sandbox.WithHostUserNS()}},
}

// secret has each of the readers print a file of the caller's, of mode 0600.
func secret(ctx context.Context, dir string, w io.Writer) error {
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("the secret\n"), 0o600); err != nil {
		return err
	}
	for _, r := range readers {
		out, err := command(ctx, "cat /data/secret", append(r.opts, sandbox.WithReadOnlyBind(dir, "/data"))...)
		var exit *sandbox.ExitError
		if err != nil && !errors.As(err, &exit) {
			return err
		}
		fmt.Fprintf(w, "%s: %s\n", r.who, out)
	}
	return nil
}

// logFiles has two sandboxes of user 2000 write to one log in a directory that
// belongs to that user.
func logFiles(ctx context.Context, dir string, w io.Writer) error {
	logs := filepath.Join(dir, "logFiles")
	if err := errors.Join(os.Mkdir(logs, 0o755), os.Chown(logs, 2000, 2000)); err != nil {
		return err
	}
	for _, line := range []string{"first", "second"} {
		out, err := command(ctx, "echo "+line+" >> /logFiles/log",
			sandbox.WithUser("2000:2000"), sandbox.WithBind(logs, "/logFiles"))
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	out, err := exec.CommandContext(ctx, "sh", "-c", `ls -ln "$0"/log && cat "$0"/log`, logs).CombinedOutput()
	fmt.Fprintf(w, "%s", out)
	return err
}

func run(ctx context.Context, w io.Writer) error {
	if err := identities(ctx, w); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		fmt.Fprintln(w, "What these users may do to the host's files only root can show: for this caller all of them are itself outside.")
		return nil
	}
	dir, err := os.MkdirTemp("", "users-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // so that it is not the directory that keeps others out
		return err
	}
	fmt.Fprintln(w, "\nA file of root's with mode 0600:")
	if err := secret(ctx, dir, w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nA log that user 2000 wrote twice:")
	return logFiles(ctx, dir, w)
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
