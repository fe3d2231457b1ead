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
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox"
)

const usage = `usage: dockerrun [--userns-remap USER] run [FLAGS OF DOCKER RUN] DIRECTORY|host COMMAND [ARGUMENT...]
       dockerrun ps
       dockerrun stats [--no-stream] [NAME...]
       dockerrun inspect [-f TEMPLATE] NAME [NAME...]
       dockerrun logs|stop NAME [NAME...]`

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
	}
	verbs := map[string]func(dir string, args []string) error{
		"ps": listContainers, "stats": showStats, "inspect": showInspected, "logs": showLogs, "stop": stopContainers,
	}
	if verbs[verb] == nil {
		return failed, errors.New(usage)
	}
	if err := verbs[verb](dir, args); err != nil {
		return 1, err
	}
	return 0, nil
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
