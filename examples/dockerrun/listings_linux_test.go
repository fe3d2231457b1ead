package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/needs"
)

// waitFor asks until the answer is as wanted; the test's own time limit ends
// it otherwise.
func (e *engine) waitFor(want string, args ...string) string {
	e.t.Helper()
	for {
		out, _ := e.try(args...)
		if strings.Contains(out, want) {
			return out
		}
		if e.t.Context().Err() != nil {
			e.t.Fatalf("dockerrun %q never said %q", args, want)
		}
	}
}

func TestCPUSet(t *testing.T) {
	needs.Root(t, "an ordinary caller has no cgroup")
	e := newEngine(t)
	for _, set := range []string{"0", "0-1", "0,1"} {
		if _, status := e.try("run", "--cpuset-cpus", set, "host", "true"); status != 0 && set != "0" {
			t.Logf("--cpuset-cpus %s: this machine has one CPU", set)
			continue
		}
		want := strings.ReplaceAll(set, ",", "-")
		e.equal("Cpus_allowed_list:\t"+want, "run", "--rm", "--cpuset-cpus", set, "host", "grep", "Cpus_allowed_list", "/proc/self/status")
		e.equal(fmt.Sprint(len(set)/3+1), "run", "--rm", "--cpuset-cpus", set, "host", "nproc")
	}
	e.fails(125, "--cpuset-cpus(0-x)", "run", "--cpuset-cpus", "0-x", "host", "true")
}

// A quota stops a busy command in its periods, and stats shows it.
func TestThrottling(t *testing.T) {
	needs.Root(t, "an ordinary caller has no cgroup")
	e := newEngine(t)
	e.ok("run", "-d", "--rm", "--name", "busy", "--cpus", "0.05", "--memory", "64m", "host", "sh", "-c", "while :; do :; done")
	throttled := regexp.MustCompile(`busy +\S+ +\S+ / 64MiB .* ([1-9]\d*) of \d+ periods`)
	for !throttled.MatchString(e.ok("stats", "busy")) {
	}
}

const (
	producer = `$q = msgget(4711, 01666) // die "msgget: $!\n"; msgsnd($q, pack("l! a*", 1, "message $_\n"), 0) for 1 .. 3; $| = 1; print "sent\n"; sleep 1000`
	consumer = `$q = msgget(4711, 0) // die "no queue\n"; for (1 .. 3) { msgrcv($q, $m, 100, 0, 0) // die "$!\n"; print substr($m, length pack "l!") }`
)

// Messages in a System V queue reach only who has joined the IPC namespace.
func TestIPC(t *testing.T) {
	needs.Root(t, "joining a namespace needs CAP_SYS_ADMIN")
	needs.Program(t, "perl")
	e := newEngine(t)
	consume := func(flags ...string) []string {
		return slices.Concat([]string{"run", "--rm", "-u", "nobody"}, flags, []string{"host", "perl", "-e", consumer})
	}
	e.ok("run", "-d", "--rm", "-u", "nobody", "--name", "producer", "--ipc", "shareable", "host", "perl", "-e", producer)
	e.waitFor("sent\n", "logs", "producer")
	e.fails(2, "no queue", consume()...)
	e.fails(2, "no queue", consume("--ipc", "none")...)
	e.equal("message 1\nmessage 2\nmessage 3", consume("--ipc", "container:producer")...)

	// Once more in the background, through --ipc=container: and /dev/shm.
	e.ok("run", "-d", "-u", "nobody", "--name", "consumer", "--ipc=container:producer", "host", "sh", "-c", "echo shared > /dev/shm/file; echo done; sleep 1000")
	e.waitFor("done\n", "logs", "consumer")
	e.equal("shared", "run", "-u", "nobody", "--ipc", "container:producer", "host", "cat", "/dev/shm/file")
	e.fails(1, "No such file", "run", "-u", "nobody", "host", "cat", "/dev/shm/file")

	e.ok("run", "-d", "--rm", "-u", "nobody", "--name", "alone", "host", "sleep", "1000")
	e.fails(125, "--ipc(container:alone): its IPC namespace is private", consume("--ipc", "container:alone")...)
	e.fails(125, "is not here", consume("--ipc", "container:producer", "--network", "container:alone")...)
}

func TestIPCOfTheHost(t *testing.T) {
	needs.Program(t, "ipcmk", "ipcrm", "ipcs")
	out, err := exec.Command("ipcmk", "-Q").Output() // "Message queue id: 3"
	if err != nil {
		t.Fatal(err)
	}
	id := string(regexp.MustCompile(`\d+`).Find(out))
	defer exec.Command("ipcrm", "-q", id).Run()
	e := newEngine(t)
	listed := regexp.MustCompile(`(?m)^0x\S+ +` + id + ` `)
	if out := e.ok("run", "--ipc", "host", "host", "ipcs", "-q"); !listed.MatchString(out) {
		t.Errorf("with the host's namespace: no queue %s in %s", id, out)
	}
	if out := e.ok("run", "host", "ipcs", "-q"); strings.Contains(out, "0x") {
		t.Errorf("without: %s", out)
	}
}

// interfaces are those that /proc/net/dev lists.
func interfaces(text string) (names []string) {
	for l := range strings.Lines(text) {
		if name, _, ok := strings.Cut(l, ":"); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	slices.Sort(names)
	return names
}

func TestNetwork(t *testing.T) {
	e := newEngine(t)
	text, err := os.ReadFile("/proc/net/dev")
	if err != nil {
		t.Fatal(err)
	}
	list := func(flags ...string) []string {
		return interfaces(e.ok(slices.Concat([]string{"run", "--rm"}, flags, []string{"host", "cat", "/proc/net/dev"})...))
	}
	all := interfaces(string(text))
	if got := list("--net", "host"); !slices.Equal(got, all) {
		t.Errorf("--net host: %v, want %v", got, all)
	}
	if own := list(); !slices.Contains(own, "lo") || len(all) > 1 && slices.Equal(own, all) {
		t.Errorf("own network: %v", own)
	}
	link := func(flags ...string) string {
		return e.ok(slices.Concat([]string{"run", "--rm"}, flags, []string{"host", "readlink", "/proc/self/ns/net"})...)
	}
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if link("--network=host") != host+"\n" || link() == host+"\n" {
		t.Error("the network namespaces are mixed up")
	}
	if os.Geteuid() != 0 {
		return
	}
	e.ok("run", "-d", "--rm", "--name", "net", "host", "sh", "-c", "readlink /proc/self/ns/net; sleep 1000")
	theirs := e.waitFor("]", "logs", "net")
	if got := link("--network", "container:net"); got != theirs {
		t.Errorf("joined %s, want %s", got, theirs)
	}
}

func TestPrivileged(t *testing.T) {
	needs.Root(t, "for an ordinary caller the host's devices stay closed")
	needs.Program(t, "capsh")
	e := newEngine(t)
	e.equal("0", "run", "--rm", "--privileged", "host", "id", "-u")
	out := e.ok("run", "--rm", "--privileged", "host", "capsh", "--print")
	own, err := exec.Command("capsh", "--print").Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := capabilities(out, "Bounding set"), capabilities(string(own), "Bounding set"); !slices.Equal(got, want) {
		t.Errorf("bounding set\n%v, want the host's\n%v", got, want)
	}
	nodes := func(text string) (names []string) {
		for _, name := range strings.Fields(text) {
			names = append(names, strings.TrimSpace(name))
		}
		return names
	}
	inside := nodes(e.ok("run", "--rm", "--privileged", "host", "ls", "/dev"))
	entries, err := os.ReadDir("/dev")
	if err != nil {
		t.Fatal(err)
	}
	devices := 0
	for _, d := range entries {
		if d.Type()&os.ModeDevice == 0 {
			continue
		}
		devices++
		if !slices.Contains(inside, d.Name()) && d.Name() != "console" {
			t.Errorf("/dev/%s is not inside", d.Name())
		}
	}
	if plain := nodes(e.ok("run", "--rm", "host", "ls", "/dev")); devices < 10 || len(plain) >= devices {
		t.Errorf("control: %d devices on the host, %d entries in an ordinary container", devices, len(plain))
	}
	e.equal("Seccomp:\t0", "run", "--rm", "--privileged", "host", "grep", "Seccomp:", "/proc/self/status")
	host, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if got := e.ok("run", "--rm", "--privileged", "host", "readlink", "/proc/self/ns/net"); got == host+"\n" {
		t.Error("the network is the host's")
	}
	e.equal(host, "run", "--rm", "--privileged", "--net", "host", "host", "readlink", "/proc/self/ns/net")
}

func TestSeccomp(t *testing.T) {
	e := newEngine(t)
	profile := filepath.Join(shared(t), "profile.json")
	if err := os.WriteFile(profile, []byte(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	in := func(opt string, script string) []string {
		return []string{"run", "--rm", "--security-opt", "seccomp=" + opt, "host", "sh", "-c", script}
	}
	e.fails(1, "Operation not permitted", "run", "host", "unshare", "-U", "true")
	e.fails(1, "Operation not permitted", "run", "host", "date", "-s", "2001-01-01")
	e.ok("run", "host", "mkdir", "/tmp/made")
	e.ok(in("unconfined", "unshare -U true && grep -q 'Seccomp:.0' /proc/self/status")...)
	e.fails(1, "Operation not permitted", in(profile, "mkdir /tmp/made")...)
	e.ok(in(profile, "unshare -U true && touch /tmp/made")...)
	e.fails(125, "no such file", in(profile+".none", "true")...)
}

// A set-user-ID program gives a user of the host root, and nothing inside
// unless new privileges are asked for.
func TestNoNewPrivileges(t *testing.T) {
	needs.Root(t, "only root can make a set-user-ID program of root's")
	dir := shared(t)
	if out, err := exec.Command("cp", "/usr/bin/id", dir+"/id").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	if err := os.Chmod(dir+"/id", 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	control := exec.Command(dir+"/id", "-u")
	control.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := control.Output(); err != nil || string(out) != "0\n" {
		t.Fatalf("control: outside it is %q, %v", out, err)
	}
	e := newEngine(t)
	e.equal("65534", "run", "--rm", "-u", "nobody", "-v", dir+":/data", "--security-opt", "no-new-privileges", "host", "/data/id", "-u")
	e.equal("65534", "run", "--rm", "-u", "nobody", "-v", dir+":/data", "--userns", "host", "--security-opt", "no-new-privileges", "host", "/data/id", "-u")
	e.equal("0", "run", "--rm", "-u", "nobody", "-v", dir+":/data", "--userns", "host", "--security-opt", "no-new-privileges=false", "host", "/data/id", "-u")
	e.equal("NoNewPrivs:\t1", "run", "--rm", "--security-opt", "no-new-privileges", "host", "grep", "NoNewPrivs", "/proc/self/status")
	e.equal("NoNewPrivs:\t0", "run", "--rm", "--security-opt", "no-new-privileges=false", "host", "grep", "NoNewPrivs", "/proc/self/status")
}
