package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-d1379373/sandbox/namespace"
)

func setIPC(p *dockerParser, f dockerFlag, v string) {
	mode, name, err := namespace.ParseIPC(v)
	switch {
	case err != nil:
		p.fail(f.option(), v, modeReason(err))
	case mode == namespace.IPCContainer:
		if of := p.container(f, v, name); of != nil {
			p.add(f.option(), v, WithIPC(IPCFrom(of)))
		}
	default:
		p.add(f.option(), v, WithIPC(ipcKind(mode)))
	}
}

func setNetwork(p *dockerParser, f dockerFlag, v string) {
	mode, target, err := namespace.ParseNetwork(v)
	switch {
	case err != nil:
		p.fail(f.option(), v, modeReason(err))
	case mode == namespace.NetworkPath:
		p.add(f.option(), v, WithNetwork(NetworkPath(target)))
	case mode == namespace.NetworkContainer:
		if of := p.container(f, v, target); of != nil {
			p.add(f.option(), v, WithNetwork(NetworkFrom(of)))
		}
	default:
		p.add(f.option(), v, WithNetwork(networkKind(mode)))
	}
}

// modeReason is the reason without the value, which the caller repeats.
func modeReason(err error) string {
	if bad, ok := err.(*namespace.ModeError); ok {
		return bad.Reason
	}
	return err.Error()
}

// container finds the sandbox that a mode refers to.
func (p *dockerParser) container(f dockerFlag, value, name string) *Process {
	if p.host.Process == nil {
		p.fail(f.option(), value, "nothing here finds a sandbox by its name; use ParseDockerArgs, NetworkFrom, IPCFrom or PIDFrom")
		return nil
	}
	of, err := p.host.Process(name)
	if err == nil && of == nil {
		err = fmt.Errorf("no sandbox %s", name)
	}
	if err != nil {
		p.fail(f.option(), value, err.Error())
		return nil
	}
	return of
}

func setUserNS(p *dockerParser, f dockerFlag, v string) {
	switch v {
	case "", "private":
	case "host":
		p.add(f.option(), v, WithHostUserNS())
	default:
		p.fail(f.option(), v, "want host or private")
	}
}

func setPID(p *dockerParser, f dockerFlag, v string) {
	mode, name, err := namespace.ParsePID(v)
	switch {
	case err != nil:
		p.fail(f.option(), v, modeReason(err))
	case mode == namespace.PIDContainer:
		if of := p.container(f, v, name); of != nil {
			p.add(f.option(), v, WithPIDNamespace(PIDFrom(of)))
		}
	default:
		p.add(f.option(), v, WithPIDNamespace(pidKind(mode)))
	}
}

func setHostname(p *dockerParser, f dockerFlag, v string) {
	if v != "" {
		p.hostname = true
		p.add(f.option(), v, WithHostname(v))
	}
}

func setUTS(p *dockerParser, f dockerFlag, v string) {
	mode, err := namespace.ParseUTS(v)
	if err != nil {
		p.fail(f.option(), v, modeReason(err))
		return
	}
	p.hostUTS = UTSMode(mode) == UTSHost
	p.add(f.option(), v, WithUTS(UTSMode(mode)))
}

func setCgroupNS(p *dockerParser, f dockerFlag, v string) {
	mode, err := namespace.ParseCgroup(v)
	if err != nil {
		p.fail(f.option(), v, modeReason(err))
		return
	}
	p.add(f.option(), v, WithCgroupNamespace(CgroupMode(mode)))
}

// addGroup adds to the groups, while WithGroups replaces them.
func addGroup(p *dockerParser, f dockerFlag, v string) {
	p.groups = append(p.groups, v)
	p.add(f.option(), v, WithGroups(slices.Clone(p.groups)...))
}

// setEnv reads NAME=value, or NAME for the caller's own value.
func setEnv(p *dockerParser, f dockerFlag, v string) {
	name, _, has := strings.Cut(v, "=")
	if name == "" {
		p.fail(f.option(), v, "no name")
		return
	}
	if !has {
		lookup := p.host.LookupEnv
		if lookup == nil {
			lookup = os.LookupEnv
		}
		value, ok := lookup(name)
		if !ok {
			return
		}
		v = name + "=" + value
	}
	p.Env = append(p.Env, v)
}

func setWorkdir(p *dockerParser, f dockerFlag, v string) {
	if v != "" && badPath(v) != "" {
		p.fail(f.option(), v, badPath(v))
		return
	}
	p.Workdir = v
}

// signalNames are those of signal(7).
var signalNames = strings.Fields("HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP " +
	"TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS")

// setStopSignal allows a name, with or without SIG, or a number.
func setStopSignal(p *dockerParser, f dockerFlag, v string) {
	n, err := strconv.Atoi(v)
	number := err == nil && n >= 1 && n <= 64
	if v != "" && !number && !slices.Contains(signalNames, strings.TrimPrefix(strings.ToUpper(v), "SIG")) {
		p.fail(f.option(), v, "not a signal, such as SIGQUIT or 3")
		return
	}
	p.StopSignal = v
}

// setName allows what Docker allows.
func setName(p *dockerParser, f dockerFlag, v string) {
	if _, _, err := namespace.ParseIPC("container:" + v); err != nil {
		p.fail(f.option(), v, "a name is letters, digits, '_', '.' and '-', the first a letter or digit")
		return
	}
	p.Name = v
}
