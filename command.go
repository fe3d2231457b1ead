package sandbox

import (
	"errors"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// defaultPath is the PATH inside without another one.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// checkCommand refuses what has no meaning in a sandbox.
func checkCommand(cmd *exec.Cmd) error {
	switch {
	case cmd == nil:
		return &OptionError{"Start", "nil", "no command"}
	case cmd.Process != nil:
		return &OptionError{"Start", cmd.Path, "the command has been started before"}
	case cmd.SysProcAttr != nil:
		return &OptionError{"Start", cmd.Path, "SysProcAttr must be nil: the sandbox decides all of it"}
	case cmd.Path == "" && len(cmd.Args) == 0:
		return &OptionError{"Start", "", "no program"}
	case cmd.Dir != "" && !path.IsAbs(cmd.Dir):
		return &OptionError{"Start", cmd.Dir, "Dir must be an absolute path inside the sandbox"}
	case cmd.Err != nil && !errors.Is(cmd.Err, exec.ErrNotFound) && !errors.Is(cmd.Err, exec.ErrDot):
		return cmd.Err
	}
	for _, list := range [][]string{{cmd.Path, cmd.Dir}, cmd.Args, cmd.Env} {
		for _, s := range list {
			if strings.ContainsRune(s, 0) {
				return &OptionError{"Start", strings.ReplaceAll(s, "\x00", `\0`), "zero byte in a path, an argument or the environment"}
			}
		}
	}
	return nil
}

// notStarted closes what StdinPipe and its like have opened, as a Start of
// os/exec does that fails: whoever reads from there would wait for ever. It does
// nothing to a command that was started.
func notStarted(cmd *exec.Cmd, err error) {
	if cmd == nil || cmd.Process != nil {
		return
	}
	saved := cmd.Err
	cmd.Err = err
	_ = cmd.Start() // goes no further than to look at Err
	cmd.Err = saved
}

// candidates are the paths inside at which the program may be. A command that
// was made from a bare name has the path that the name leads to on the host,
// which means nothing inside: the name is looked up again there.
func candidates(cmd *exec.Cmd, env []string) (paths []string, bare bool) {
	name := cmd.Path
	if len(cmd.Args) > 0 {
		name = cmd.Args[0]
	}
	if filepath.Base(name) != name || !lookedUp(cmd, name) {
		return []string{cmd.Path}, false
	}
	for _, dir := range filepath.SplitList(searchPath(env)) {
		if path.IsAbs(dir) { // an empty or relative entry would mean the working directory
			paths = append(paths, path.Join(dir, name))
		}
	}
	if len(paths) == 0 {
		paths = []string{"/" + name}
	}
	return paths, true
}

// lookedUp says whether the command's path comes from a search for the name.
func lookedUp(cmd *exec.Cmd, name string) bool {
	if cmd.Path == name {
		return true
	}
	found, err := exec.LookPath(name)
	return (err == nil || errors.Is(err, exec.ErrDot)) && found == cmd.Path
}

func searchPath(env []string) string {
	for i := len(env) - 1; i >= 0; i-- {
		if p, ok := strings.CutPrefix(env[i], "PATH="); ok {
			return p
		}
	}
	return defaultPath
}

// environment is what the command gets: its own, or a minimal one.
func environment(cmd *exec.Cmd, user string) []string {
	if cmd.Env != nil {
		return (&exec.Cmd{Env: cmd.Env}).Environ() // without doubles, the last wins
	}
	return []string{"PATH=" + defaultPath, "HOME=/tmp", "LANG=C.UTF-8", "USER=" + user, "LOGNAME=" + user}
}

func workingDir(cmd *exec.Cmd) string {
	if cmd.Dir == "" {
		return "/"
	}
	return path.Clean(cmd.Dir)
}

func arguments(cmd *exec.Cmd) []string {
	if len(cmd.Args) > 0 {
		return cmd.Args
	}
	return []string{cmd.Path}
}
