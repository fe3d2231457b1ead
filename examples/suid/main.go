// Suid runs a set-user-ID program as an ordinary user of a sandbox. The program
// is a copy of id(1) that belongs to root inside. It gains root's id only where
// two options say so: WithSUID, that such programs count on its mount, and
// WithNewPrivileges, that the kernel's no_new_privs is off. By default both are
// missing, and each alone is enough to defeat it.
//
//	go run ./examples/suid
//
// Run by root it needs nothing. An ordinary user needs subordinate ids and
// Debian's uidmap, so that the sandbox can have two users.
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
	"github.com/seed-d1379373/sandbox/namespace"
)

// program is where the set-user-ID program lies inside.
const program = "/suid/id"

// An owner is who owns the program: root inside.
type owner struct{ uid, gid int }

// users makes the sandbox's users: root is the owner of the program, and the
// others are other ids.
func users() (owner, sandbox.Option, error) {
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 { // root may map any ids, but not itself
		const unused = 100_000 // of no account
		ids := []namespace.IDMap{{Inside: 0, Outside: unused, Count: 65536}}
		return owner{unused, unused}, sandbox.WithIDMap(ids, ids), nil
	}
	uids, gids, err := namespace.Remap(fmt.Sprint(uid)) // the subordinate ids of this user
	if err != nil {
		return owner{}, nil, err
	}
	with := func(self int, more namespace.IDMap) []namespace.IDMap {
		return []namespace.IDMap{{Inside: 0, Outside: uint32(self), Count: 1}, {Inside: 1, Outside: more.Outside, Count: more.Count}}
	}
	return owner{uid, gid}, sandbox.WithIDMap(with(uid, uids[0]), with(gid, gids[0])), nil
}

// install makes the program. Group and user of such a file must both be mapped
// inside, or the kernel takes no notice of its mode.
func install(o owner) (dir string, err error) {
	if dir, err = os.MkdirTemp("", "suid-"); err != nil {
		return "", err
	}
	file := filepath.Join(dir, filepath.Base(program))
	content, err := os.ReadFile("/usr/bin/id")
	return dir, errors.Join(err, os.WriteFile(file, content, 0o755), os.Chown(file, o.uid, o.gid),
		os.Chmod(file, 0o755|os.ModeSetuid), os.Chmod(dir, 0o755))
}

// attempts are the four combinations of the two options.
var attempts = []struct {
	what string
	opts []sandbox.Option
}{
	{"default", nil},
	{"WithSUID", []sandbox.Option{sandbox.WithSUID("/suid")}},
	{"WithNewPrivileges", []sandbox.Option{sandbox.WithNewPrivileges()}},
	{"both", []sandbox.Option{sandbox.WithSUID("/suid"), sandbox.WithNewPrivileges()}},
}

// run runs the program in each combination, and returns who it was.
func run(ctx context.Context) ([]string, error) {
	o, ids, err := users()
	if err != nil {
		return nil, err
	}
	dir, err := install(o)
	defer os.RemoveAll(dir)
	if err != nil {
		return nil, err
	}
	var answers []string
	for _, a := range attempts {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command("sh", "-c", "echo user $(id -u) runs a program of user $("+program+" -u)")
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		opts := append([]sandbox.Option{ids, sandbox.WithUser("1000:1000"), sandbox.WithReadOnlyBind(dir, "/suid")}, a.opts...)
		if _, err := sandbox.Run(ctx, cmd, opts...); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", a.what, err, &stderr)
		}
		answers = append(answers, strings.TrimSpace(stdout.String()))
	}
	return answers, nil
}

func show(w io.Writer, answers []string) {
	for i, answer := range answers {
		fmt.Fprintf(w, "%-20s %s\n", attempts[i].what, answer)
	}
}

func main() {
	answers, err := run(context.Background())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	show(os.Stdout, answers)
}
