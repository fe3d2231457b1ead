package sandbox

import (
	"strconv"
	"strings"
)

// dockerFlag is one flag of docker run. It has one of set, toggle and refused.
type dockerFlag struct {
	name    string // the long form, without dashes; for an alias that of the main one
	boolean bool
	set     func(p *dockerParser, f dockerFlag, value string)
	toggle  func(p *dockerParser, f dockerFlag, on bool)
	refused string // why it cannot be honoured
	about   string // what it is about, if that is nothing of an option's
}

// option is how errors name the flag.
func (f dockerFlag) option() string { return "--" + f.name }

// dockerLetters are the short forms.
func dockerLetters() map[string]string {
	return map[string]string{
		"c": "cpu-shares", "d": "detach", "e": "env", "h": "hostname", "i": "interactive", "m": "memory", "t": "tty",
		"u": "user", "v": "volume", "w": "workdir",
		"a": "attach", "l": "label", "p": "publish", "P": "publish-all", "q": "quiet",
	}
}

// dockerFlagTable is all flags by their long form.
func dockerFlagTable() map[string]dockerFlag {
	all := map[string]dockerFlag{}
	for name, set := range dockerValues() {
		all[name] = dockerFlag{name: name, set: set}
	}
	for name, toggle := range dockerToggles() {
		all[name] = dockerFlag{name: name, boolean: true, toggle: toggle}
	}
	for reason, names := range dockerRefused() {
		for _, name := range names {
			name, boolean := strings.CutSuffix(name, "?")
			all[name] = dockerFlag{name: name, boolean: boolean, refused: reason}
		}
	}
	for name, about := range map[string]string{
		"env": "the command", "workdir": "the command", "stop-signal": "the command",
		"name": "the caller", "detach": "the caller", "publish-all": "the image",
	} {
		f := all[name]
		f.about = about
		all[name] = f
	}
	all["net"] = all["network"]
	return all
}

// dockerValues are the flags with a value.
func dockerValues() map[string]func(*dockerParser, dockerFlag, string) {
	return map[string]func(*dockerParser, dockerFlag, string){
		"memory":             func(p *dockerParser, f dockerFlag, v string) { p.size(f, v, &p.memory) },
		"memory-swap":        func(p *dockerParser, f dockerFlag, v string) { p.size(f, v, &p.swap) },
		"memory-reservation": func(p *dockerParser, f dockerFlag, v string) { p.size(f, v, &p.reservation) },
		"shm-size":           setShmSize,
		"oom-score-adj":      setOOMScoreAdj,

		"cpu-shares":  setCPUShares,
		"cpus":        func(p *dockerParser, _ dockerFlag, v string) { p.cpus = v },
		"cpu-quota":   func(p *dockerParser, _ dockerFlag, v string) { p.quota = v },
		"cpu-period":  func(p *dockerParser, _ dockerFlag, v string) { p.period = v },
		"cpuset-cpus": unlessEmpty(func(v string) Option { return WithCPUSet(v) }),
		"cpuset-mems": unlessEmpty(func(v string) Option { return WithCPUSetMems(v) }),

		"pids-limit":        setPids,
		"ulimit":            setUlimit,
		"blkio-weight":      setIOWeight,
		"device-read-bps":   func(p *dockerParser, f dockerFlag, v string) { p.ioRate(f, v, dockerBytes) },
		"device-write-bps":  func(p *dockerParser, f dockerFlag, v string) { p.ioRate(f, v, dockerBytes) },
		"device-read-iops":  func(p *dockerParser, f dockerFlag, v string) { p.ioRate(f, v, dockerCount) },
		"device-write-iops": func(p *dockerParser, f dockerFlag, v string) { p.ioRate(f, v, dockerCount) },
		"cgroup-parent":     unlessEmpty(func(v string) Option { return WithCgroupParent(v) }),

		"device":             always(func(v string) Option { return WithDevice(v) }),
		"device-cgroup-rule": always(func(v string) Option { return WithDeviceRule(v) }),

		"ipc":      setIPC,
		"network":  setNetwork,
		"userns":   setUserNS,
		"pid":      setPID,
		"uts":      setUTS,
		"cgroupns": setCgroupNS,
		"hostname": setHostname,

		"user":      unlessEmpty(func(v string) Option { return WithUser(v) }),
		"group-add": addGroup,

		"cap-add":      always(func(v string) Option { return AddCap(v) }),
		"cap-drop":     always(func(v string) Option { return DropCap(v) }),
		"security-opt": always(func(v string) Option { return WithSecurityOpt(v) }),

		"tmpfs":  setTmpfs,
		"volume": setVolume,
		"mount":  setMount,

		"env":         setEnv,
		"workdir":     setWorkdir,
		"stop-signal": setStopSignal,
		"name":        setName,
	}
}

// dockerToggles are the flags without a value, or with =true or =false.
func dockerToggles() map[string]func(*dockerParser, dockerFlag, bool) {
	return map[string]func(*dockerParser, dockerFlag, bool){
		"interactive": func(p *dockerParser, _ dockerFlag, on bool) { p.Interactive = on },
		"tty":         func(p *dockerParser, _ dockerFlag, on bool) { p.TTY = on },
		"rm":          func(p *dockerParser, _ dockerFlag, on bool) { p.Remove = on },
		"detach":      func(p *dockerParser, _ dockerFlag, on bool) { p.Detach = on },
		"publish-all": func(p *dockerParser, _ dockerFlag, on bool) { p.PublishAll = on },
		"privileged":  func(p *dockerParser, _ dockerFlag, on bool) { p.privileged = on },
		"init":        alwaysOn("the launcher is PID 1"),
		"read-only":   alwaysOn("the root is read-only; name what is to be written to with --volume or --tmpfs"),
	}
}

// dockerRefused are the flags that cannot be honoured, by the reason; a
// question mark is for those without a value.
func dockerRefused() map[string][]string {
	return map[string][]string{
		"no network here has ports to publish; --network host has the host's": {"publish", "expose"},
		"there is no such network here, want none, host, container:NAME or ns:PATH": {
			"link", "link-local-ip", "network-alias", "net-alias", "ip", "ip6", "mac-address"},
		"name resolution is the host's with --network host, and there is none otherwise": {
			"dns", "dns-search", "dns-opt", "dns-option", "add-host"},
		"there are no images and nothing is downloaded":          {"pull", "platform", "quiet?", "disable-content-trust?"},
		"there is no daemon that would do it":                    {"restart", "label", "label-file", "annotation", "cidfile", "detach-keys", "runtime", "isolation"},
		"there is no daemon that would do it; use WithTimeout":   {"stop-timeout"},
		"there is no log but the command's output":               {"log-driver", "log-opt"},
		"there are no health checks":                             {"health-cmd", "health-interval", "health-retries", "health-start-interval", "health-start-period", "health-timeout", "no-healthcheck?"},
		"name each device with --device":                         {"gpus"},
		"name each directory with --volume":                      {"volumes-from", "volume-driver", "storage-opt", "use-api-socket?"},
		"standard input, output and error are the command's own": {"attach", "sig-proxy?"},
		"the program is the first argument after the image":      {"entrypoint"},
		"name each variable with --env":                          {"env-file"},
		"only a host name can be set":                            {"domainname"},
		"there is no such control":                               {"kernel-memory", "memory-swappiness", "oom-kill-disable?", "cpu-rt-period", "cpu-rt-runtime", "blkio-weight-device", "sysctl", "cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"},
	}
}

// always makes an option of every value, unlessEmpty of those with text: an
// empty value is Docker's default.
func always(make func(string) Option) func(*dockerParser, dockerFlag, string) {
	return func(p *dockerParser, f dockerFlag, v string) { p.add(f.option(), v, make(v)) }
}

func unlessEmpty(make func(string) Option) func(*dockerParser, dockerFlag, string) {
	return func(p *dockerParser, f dockerFlag, v string) {
		if v != "" {
			p.add(f.option(), v, make(v))
		}
	}
}

// alwaysOn is for what every sandbox has.
func alwaysOn(what string) func(*dockerParser, dockerFlag, bool) {
	return func(p *dockerParser, f dockerFlag, on bool) {
		if !on {
			p.fail(f.option(), "false", "cannot be turned off: "+what)
		}
	}
}

// dockerBool reads what Docker's flags take for a truth value.
func dockerBool(v string) (on, valid bool) {
	on, err := strconv.ParseBool(v)
	return on, err == nil
}
