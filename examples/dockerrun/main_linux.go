// Dockerrun runs commands in sandboxes by the flags of docker run:
//
//	go run ./examples/dockerrun run --memory 256m --cap-drop net_raw -u nobody host capsh --print
//	go run ./examples/dockerrun run -d --name web --cpu-shares 512 /srv/debian /usr/sbin/nginx
//
// In place of an image stands a directory, which becomes the root, or the word
// host for the host's own programs and libraries. There is no daemon: with -d
// the program starts itself again in the background and keeps the container,
// and answers the other commands on a socket. What joins a container by
// --network or --ipc container:NAME is run by the process that keeps that one.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

const usage = `usage: dockerrun [--userns-remap USER] run [FLAGS OF DOCKER RUN] DIRECTORY|host COMMAND [ARGUMENT...]
       dockerrun ps
       dockerrun stats|inspect|logs|stop NAME [NAME...]`

// failed is the status of a container that could not be run, as Docker's.
const failed = 125

func main() {
	status, err := dispatch(os.Args[1:])
	if err != nil {
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintln(os.Stderr, "dockerrun:", strings.TrimPrefix(strings.TrimSpace(line), "sandbox: "))
		}
	}
	os.Exit(status)
}

func dispatch(args []string) (int, error) {
	remap := ""
	if len(args) > 1 && args[0] == "--userns-remap" {
		remap, args = args[1], args[2:]
	}
	if len(args) == 0 {
		return failed, errors.New(usage)
	}
	dir, err := stateDir()
	if err != nil {
		return failed, err
	}
	verb, args := args[0], args[1:]
	switch verb {
	case "run", keepVerb:
		cwd, err := os.Getwd()
		if err != nil {
			return failed, err
		}
		order := order{Args: args, Remap: remap, Env: os.Environ(), Dir: cwd}
		if verb == keepVerb {
			return keep(dir, order)
		}
		return run(dir, order)
	case "ps":
		return listContainers(dir)
	case "stats", "inspect", "logs", "stop":
		if len(args) == 0 {
			return failed, errors.New(usage)
		}
		return ask(dir, verb, args)
	}
	return failed, errors.New(usage)
}

// ask sends a question about each container and prints the answers.
func ask(dir, verb string, names []string) (int, error) {
	var described []json.RawMessage
	var rows [][]string
	for _, name := range names {
		if verb == "logs" {
			if err := printFile(logPath(dir, name)); err != nil {
				return 1, err
			}
			continue
		}
		answer, err := question(dir, name, request{Verb: verb})
		if err != nil {
			return 1, err
		}
		switch verb {
		case "stats":
			first := answer.Stats
			time.Sleep(statsInterval) // CPU use is the difference of two looks
			if answer, err = question(dir, name, request{Verb: verb}); err != nil {
				return 1, err
			}
			rows = append(rows, statsRow(name, first, answer.Stats))
		case "inspect":
			described = append(described, answer.Inspect)
		case "stop":
			fmt.Println(name)
		}
	}
	if verb == "stats" {
		printStats(os.Stdout, rows)
	}
	if verb == "inspect" {
		return 0, printJSON(os.Stdout, described)
	}
	return 0, nil
}

func listContainers(dir string) (int, error) {
	sockets, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil {
		return 1, err
	}
	fmt.Printf("%-20s %-8s %s\n", "NAME", "PID", "COMMAND")
	for _, s := range sockets {
		name := strings.TrimSuffix(filepath.Base(s), ".sock")
		if a, err := question(dir, name, request{Verb: "ps"}); err == nil {
			fmt.Printf("%-20s %-8d %s\n", name, a.PID, strings.Join(a.Command, " "))
		}
	}
	return 0, nil
}

func printFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(os.Stdout, f)
	return err
}

// stateDir is where sockets, logs and volumes are: $XDG_RUNTIME_DIR/dockerrun
// or /tmp/dockerrun-UID. Nobody else may enter it.
func stateDir() (string, error) {
	dir := fmt.Sprintf("/tmp/dockerrun-%d", os.Getuid())
	if base := os.Getenv("XDG_RUNTIME_DIR"); base != "" {
		dir = filepath.Join(base, "dockerrun")
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return "", err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o077 != 0 || int(st.Uid) != os.Getuid() {
		return "", fmt.Errorf("%s is not a directory of user %d with mode 0700", dir, os.Getuid())
	}
	return dir, nil
}

func socketPath(dir, name string) string { return filepath.Join(dir, name+".sock") }
func logPath(dir, name string) string    { return filepath.Join(dir, name+".log") }

// exitStatus is what Docker makes of the end of a container, or of the failure
// to start one.
func exitStatus(result *sandbox.Result, err error) (int, error) {
	var exit *sandbox.ExitError
	var setup *sandbox.SetupError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit):
		status := result.ExitCode
		if result.Reason != sandbox.Exited {
			status = 128 + int(result.Signal)
		}
		if result.Reason == sandbox.Exited || result.Reason == sandbox.Signaled {
			return status, nil
		}
		return status, err
	case errors.Is(err, exec.ErrNotFound):
		return 127, err
	case errors.As(err, &setup) && setup.Step == "execute" && errors.Is(err, syscall.ENOENT):
		return 127, err
	case errors.As(err, &setup) && setup.Step == "execute":
		return 126, err
	}
	return failed, err
}
