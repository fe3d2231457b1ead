package sandbox

import (
	"errors"
	"strings"
)

// FromDockerArgs returns the options that flags of docker run stand for, with
// Docker's spellings and units:
//
//	FromDockerArgs([]string{"--memory", "256m", "--cpus=0.75", "-u", "nobody", "--cap-drop", "net_raw"})
//
// It is for flags only. One that says something about the command or about
// the caller, such as --env, --workdir or --name, cannot be an option and is
// refused, and so is an argument that is no flag: see [ParseDockerArgs] for
// those. -i, --rm and --init are accepted, since they ask for what every sandbox
// has; -t is [WithTerminal].
//
// A flag that cannot be honoured is refused by name and never ignored. All
// errors are found at once: the returned error joins an *[OptionError] for each
// bad flag, whose Option is the long form of the flag and whose Value is as
// given. Nothing is read but the working directory, for a relative path of
// --volume; a seccomp profile is read by [New].
//
// The flags mean what Docker means by them, and what is not said is this
// library's default, which is safer than Docker's:
//   - the user is the caller, or nobody for root, and not root; -u root is root
//     of a user namespace unless --userns host is given too;
//   - the network is none, and not a bridge;
//   - there is no swap without --memory-swap, where Docker allows as much swap as
//     memory, and memory and processes have the limits of this library;
//   - the root is read-only, with or without --read-only, and mounts and the root
//     are nosuid;
//   - no_new_privs is on; --security-opt no-new-privileges=false turns it off, and
//     then --volume and --mount are not nosuid ([WithSUID]);
//   - the launcher is PID 1, as with --init;
//   - a --tmpfs without a size has 64 MiB, and programs in it may be executed;
//   - --group-add names all supplementary groups: those that the group file gives
//     to the user do not come along then.
//
// The capabilities that the sandbox can have at most are Docker's default set
// for every user, as Docker has it, with --cap-add and --cap-drop applied. What
// --cap-add adds works for a user who is not root, too, as [AddCap] says.
func FromDockerArgs(args []string) ([]Option, error) {
	p := newDockerParser(DockerHost{})
	p.onlyOptions = true
	d, err := p.parse(args)
	if err != nil {
		return nil, err
	}
	return d.Options, nil
}

// DockerArgs is what a command line of docker run says.
type DockerArgs struct {
	// Options are for [New]. With TTY they contain [WithTerminal], so that the
	// command's standard input has to be a terminal of its own.
	Options []Option

	// Env is what --env adds to the environment, as NAME=value. A bare NAME
	// has been given the caller's value, or was left out if there is none.
	Env []string
	// Workdir is the directory inside, and empty without --workdir.
	Workdir string
	// Name is that of --name.
	Name string
	// StopSignal is the signal that ends the command in good order, as given,
	// such as "SIGQUIT" or "3"; empty stands for SIGTERM.
	StopSignal string

	Interactive bool // -i: the command reads the caller's standard input
	TTY         bool // -t: it has a pseudo-terminal
	Remove      bool // --rm: nothing is kept after its end
	Detach      bool // -d: it runs in the background
	PublishAll  bool // -P: for ports that the image exposes, which a directory has not

	// Args is what follows the flags: IMAGE COMMAND ARGS...
	Args []string
}

// DockerHost is where flags are given: it finds what they refer to by name. A
// flag that needs Process or Volume is refused where that is nil.
type DockerHost struct {
	// Process finds the running sandbox of --network container:NAME and
	// --ipc container:NAME.
	Process func(name string) (*Process, error)
	// Volume finds the host's directory for a named volume, as in --volume
	// NAME:/inside.
	Volume func(name string) (dir string, err error)
	// LookupEnv finds the value of --env NAME; nil is os.LookupEnv.
	LookupEnv func(name string) (value string, ok bool)
	// Dir is where relative paths of --volume begin; empty is the working
	// directory.
	Dir string
}

// ParseDockerArgs reads the arguments of docker run: flags, and what follows
// them. Flags end at the first argument that is none, or at "--". It accepts
// more than [FromDockerArgs], which says what the flags mean; errors are the
// same.
func ParseDockerArgs(args []string, host DockerHost) (*DockerArgs, error) {
	return newDockerParser(host).parse(args)
}

// dockerDefaults is Docker's default set of capabilities as the base for every
// user.
func dockerDefaults() Option {
	return option(func(s *settings) { s.DockerCaps = true })
}

// dockerParser is a command line half read.
type dockerParser struct {
	DockerArgs
	host        DockerHost
	onlyOptions bool
	table       map[string]dockerFlag
	errs        []error

	// What counts in the end, or makes sense only together with other flags.
	memory, swap, reservation *dockerSize
	cpus, quota, period       string
	privileged                bool
	hostname, hostUTS         bool
	groups                    []string
	io                        map[string]IOLimit
}

// dockerSize is a number of bytes and how it was written; -1 is no limit.
type dockerSize struct {
	bytes int64
	text  string
}

func newDockerParser(host DockerHost) *dockerParser {
	p := &dockerParser{host: host, table: dockerFlagTable(), io: map[string]IOLimit{}}
	p.Options = []Option{dockerDefaults()}
	return p
}

func (p *dockerParser) parse(args []string) (*DockerArgs, error) {
	p.Args = p.flags(args)
	p.finish()
	if p.onlyOptions && len(p.Args) > 0 {
		p.fail("FromDockerArgs", p.Args[0], "not a flag; ParseDockerArgs returns what follows the flags")
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return &p.DockerArgs, nil
}

// flags reads the flags and returns the rest.
func (p *dockerParser) flags(args []string) (rest []string) {
	for len(args) > 0 {
		arg := args[0]
		switch {
		case arg == "--":
			return args[1:]
		case len(arg) < 2 || arg[0] != '-':
			return args
		}
		read := p.short
		if strings.HasPrefix(arg, "--") {
			read = p.long
		}
		used, ok := read(arg, args[1:])
		if !ok {
			return nil // where the next flag begins is anyone's guess
		}
		args = args[1+used:]
	}
	return nil
}

// long reads --name, --name=value or --name value.
func (p *dockerParser) long(arg string, next []string) (used int, ok bool) {
	name, value, has := strings.Cut(arg[2:], "=")
	f, known := p.table[name]
	if !known {
		p.fail("--"+name, value, "unknown flag")
		return 0, false
	}
	return p.value(f, value, has, next)
}

// short reads a group such as -it, -m256m, -itm=256m or -m 256m.
func (p *dockerParser) short(arg string, next []string) (used int, ok bool) {
	for letters := arg[1:]; letters != ""; {
		letter := letters[:1]
		letters = letters[1:]
		name, known := dockerLetters()[letter]
		if !known {
			p.fail("-"+letter, arg, "unknown flag")
			return 0, false
		}
		f := p.table[name]
		value, has := strings.CutPrefix(letters, "=")
		if !f.boolean || has {
			return p.value(f, value, letters != "", next)
		}
		p.value(f, "", false, nil)
	}
	return 0, true
}

// value finds the value of a flag and acts on it.
func (p *dockerParser) value(f dockerFlag, value string, has bool, next []string) (used int, ok bool) {
	switch {
	case has:
	case f.boolean:
		value = "true"
	case len(next) == 0:
		p.fail(f.option(), "", "needs a value")
		return 0, false
	default:
		value, used = next[0], 1
	}
	switch {
	case strings.ContainsRune(value, 0):
		p.fail(f.option(), strings.ReplaceAll(value, "\x00", `\0`), "zero byte")
	case f.refused != "":
		p.fail(f.option(), value, f.refused)
	case p.onlyOptions && f.about != "":
		p.fail(f.option(), value, "says something about "+f.about+" and cannot be an option; ParseDockerArgs returns it")
	case f.boolean:
		on, valid := dockerBool(value)
		if !valid {
			p.fail(f.option(), value, "must be true or false")
			return used, true
		}
		f.toggle(p, f, on)
	default:
		f.set(p, f, value)
	}
	return used, true
}

func (p *dockerParser) fail(option, value, reason string) {
	p.errs = append(p.errs, &OptionError{option, value, reason})
}

// add adds the options of a flag, and its errors in terms of the flag where
// the value is wrong by itself.
func (p *dockerParser) add(f, value string, opts ...Option) {
	p.addBeside(nil, f, value, opts...)
}

// addBeside is add for options that are checked together with others.
func (p *dockerParser) addBeside(others []Option, f, value string, opts ...Option) {
	s := newSettings(append(append([]Option{}, others...), opts...))
	s.seccompPath = "" // New reads it
	var one *OptionError
	for _, err := range split(s.validate()) {
		if errors.As(err, &one) {
			p.fail(f, value, one.Reason)
		}
	}
	p.Options = append(p.Options, opts...)
}

// split undoes errors.Join.
func split(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return nil
}
