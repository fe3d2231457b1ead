package sandbox_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
	"github.com/seed-d1379373/sandbox/namespace"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// badOptions has a bad value or more of every option, and the exact text of the
// error. Options without a value that could be wrong by itself are in
// flagOptions.
func badOptions() []struct {
	opt  sandbox.Option
	want string
} {
	ids := func(m ...namespace.IDMap) []namespace.IDMap { return m }
	const (
		tooSmall = "must be at least 65536 bytes (64 KiB), or sandbox.Unlimited"
		security = "not one of label:user:, label:role:, label:type:, label:level:, label:disable, apparmor:, seccomp:, no-new-privileges"
		limits   = "no such limit; there are AS, CORE, CPU, DATA, FSIZE, LOCKS, MEMLOCK, MSGQUEUE, NICE, NOFILE, NPROC, RSS, RTPRIO, RTTIME, SIGPENDING, STACK"
		rule     = "not of the form TYPE MAJOR:MINOR ACCESS, such as c 189:* rmw"
		name     = "only letters, digits, dots, hyphens and underscores"
	)
	return []struct {
		opt  sandbox.Option
		want string
	}{
		{sandbox.WithMemory(0), "WithMemory(0): " + tooSmall},
		{sandbox.WithMemory(65535), "WithMemory(65535): " + tooSmall},
		{sandbox.WithMemory(-2), "WithMemory(-2): " + tooSmall},
		{sandbox.WithMemorySwap(1), "WithMemorySwap(1): is the sum of memory and swap, and less than the memory limit of 1073741824"},
		{sandbox.WithMemoryReservation(0), "WithMemoryReservation(0): must be positive"},
		{sandbox.WithMemoryReservation(2 << 30), "WithMemoryReservation(2147483648): is more than the memory limit of 1073741824"},
		{sandbox.WithOOMScoreAdj(1001), "WithOOMScoreAdj(1001): must be from -1000 to 1000"},
		{sandbox.WithOOMScoreAdj(-1001), "WithOOMScoreAdj(-1001): must be from -1000 to 1000"},
		{sandbox.WithShmSize(0), "WithShmSize(0): must be positive"},

		{sandbox.WithCPUShares(1), "WithCPUShares(1): must be from 2 to 262144"},
		{sandbox.WithCPUShares(262145), "WithCPUShares(262145): must be from 2 to 262144"},
		{sandbox.WithCPUs(0), "WithCPUs(0): must be from 0.01 to 65536"},
		{sandbox.WithCPUs(math.NaN()), "WithCPUs(NaN): must be from 0.01 to 65536"},
		{sandbox.WithCPUs(math.Inf(1)), "WithCPUs(+Inf): must be from 0.01 to 65536"},
		{sandbox.WithCPUSet(""), "WithCPUSet(): empty list; leave the option out for no limit"},
		{sandbox.WithCPUSet("0-"), `WithCPUSet(0-): bad list entry "0-": "" is not a number`},
		{sandbox.WithCPUSet("3-1"), `WithCPUSet(3-1): bad list entry "3-1": the range runs backwards`},
		{sandbox.WithCPUSetMems(""), "WithCPUSetMems(): empty list; leave the option out for no limit"},
		{sandbox.WithCPUSetMems("x"), `WithCPUSetMems(x): bad list entry "x": "x" is not a number`},

		{sandbox.WithPids(0), "WithPids(0): must be from 1 to 4194304, or sandbox.Unlimited"},
		{sandbox.WithPids(1 << 23), "WithPids(8388608): must be from 1 to 4194304, or sandbox.Unlimited"},
		{sandbox.WithIOWeight(9), "WithIOWeight(9): must be from 10 to 1000"},
		{sandbox.WithIOMax("sda", sandbox.IOLimit{ReadOps: 1}), "WithIOMax(sda): device: not an absolute path"},
		{sandbox.WithIOMax("/dev/sda", sandbox.IOLimit{}), "WithIOMax(/dev/sda): no limit"},
		{sandbox.WithCgroupParent("judge"), "WithCgroupParent(judge): not an absolute path"},
		{sandbox.WithRlimit("FILES", 1, 1), "WithRlimit(FILES): " + limits},
		{sandbox.WithRlimit("nofile", 2, 1), "WithRlimit(NOFILE): the soft limit 2 is above the hard limit 1"},
		{sandbox.WithTimeout(0), "WithTimeout(0s): must be positive"},
		{sandbox.WithCPUTime(-time.Second), "WithCPUTime(-1s): must be positive"},
		{sandbox.WithOutputLimit(0), "WithOutputLimit(0): must be positive"},

		{sandbox.WithDevice("video0"), "WithDevice(video0): host device: not an absolute path"},
		{sandbox.WithDevice("/dev/a:/tmp/a"), "WithDevice(/dev/a:/tmp/a): the place inside must lie below /dev"},
		{sandbox.WithDevice("/dev/a:/dev/../etc/a"), "WithDevice(/dev/a:/dev/../etc/a): the place inside must lie below /dev"},
		{sandbox.WithDevice("/dev/a:/dev/b:x"), "WithDevice(/dev/a:/dev/b:x): access must be some of the letters r, w and m"},
		{sandbox.WithDevice("/dev/a:/dev/b:rr"), "WithDevice(/dev/a:/dev/b:rr): access must be some of the letters r, w and m"},
		{sandbox.WithDevice("/a:b:c:d"), "WithDevice(/a:b:c:d): not of the form host[:inside][:access]"},
		{sandbox.WithDeviceRule("c 1:3"), "WithDeviceRule(c 1:3): " + rule},
		{sandbox.WithDeviceRule("x 1:3 r"), "WithDeviceRule(x 1:3 r): " + rule},
		{sandbox.WithDeviceRule("c 1:-3 r"), "WithDeviceRule(c 1:-3 r): " + rule},

		{sandbox.WithIPC(nil), "WithIPC(nil): no mode"},
		{sandbox.WithIPC(sandbox.IPCFrom(nil)), "WithIPC(container:nil): no process"},
		{sandbox.WithNetwork(nil), "WithNetwork(nil): no mode"},
		{sandbox.WithNetwork(sandbox.NetworkFrom(nil)), "WithNetwork(container:nil): no process"},
		{sandbox.WithNetwork(sandbox.NetworkPath("netns/blue")), "WithNetwork(ns:netns/blue): not an absolute path"},
		{sandbox.WithPIDNamespace(nil), "WithPIDNamespace(nil): no mode"},
		{sandbox.WithPIDNamespace(sandbox.PIDFrom(nil)), "WithPIDNamespace(container:nil): no process"},
		{sandbox.WithPIDNamespace(sandbox.PIDHost), "WithPIDNamespace(host): not possible: without a PID namespace a process that detaches itself would outlive the sandbox; to look at the host's processes, bind its /proc"},
		{sandbox.WithUTS("own"), "WithUTS(own): must be private or host"},
		{sandbox.WithCgroupNamespace(""), "WithCgroupNamespace(): must be private or host"},

		{sandbox.WithUser(""), "WithUser(): empty; leave the option out for the default identity"},
		{sandbox.WithUser(":nogroup"), "WithUser(:nogroup): no user before the colon"},
		{sandbox.WithUser("nobody:"), "WithUser(nobody:): no group after the colon"},
		{sandbox.WithUser("a b"), "WithUser(a b): not of the form user or user:group"},
		{sandbox.WithUser("1:2:3"), "WithUser(1:2:3): not of the form user or user:group"},
		{sandbox.WithUser("4294967295"), "WithUser(4294967295): id out of range"},
		{sandbox.WithGroups("a:b"), "WithGroups(a:b): not a group name or number"},
		{sandbox.WithUserRemap(""), "WithUserRemap(): not a user name or number"},
		{sandbox.WithIDMap(nil, ids(namespace.IDMap{Outside: 5000, Count: 1})), "WithIDMap(user ids): empty map"},
		{sandbox.WithIDMap(ids(namespace.IDMap{Outside: 5000, Count: 1}), ids(namespace.IDMap{Outside: 0, Count: 10})),
			"WithIDMap(0:0:10): group ids: the host's root must not be mapped; that is what WithHostUserNS is for"},

		{sandbox.AddCap("fly"), "AddCap(fly): no such capability"},
		{sandbox.DropCap(""), "DropCap(): empty name"},
		{sandbox.WithSeccomp(nil), "WithSeccomp(nil): no policy; use seccomp.Unconfined for none"},
		{sandbox.WithSeccomp(&seccomp.Policy{}), "WithSeccomp(policy): seccomp profile: defaultAction: missing"},
		{sandbox.WithAppArmor(""), "WithAppArmor(): no profile"},
		{sandbox.WithSELinux(lsm.Label{Type: "a b"}), `WithSELinux(::a b): "a b" is not a type`},
		{sandbox.WithSELinuxMountLabel(lsm.Label{Type: "t"}), "WithSELinuxMountLabel(::t): needs WithSELinux"},
		{sandbox.WithLandlock(lsm.ReadOnly("data")), "WithLandlock(read-only data): not an absolute path"},
		{sandbox.WithSecurityOpt("magic=1"), "WithSecurityOpt(magic=1): " + security},
		{sandbox.WithSecurityOpt("label:colour:red"), "WithSecurityOpt(label:colour:red): a label has user, role, type and level, or is disabled"},
		{sandbox.WithSecurityOpt("label:type:"), "WithSecurityOpt(label:type:): no type"},
		{sandbox.WithSecurityOpt("apparmor="), "WithSecurityOpt(apparmor=): no profile"},
		{sandbox.WithSecurityOpt("seccomp="), "WithSecurityOpt(seccomp=): no profile"},
		{sandbox.WithSecurityOpt("no-new-privileges=maybe"), "WithSecurityOpt(no-new-privileges=maybe): must be true or false"},
		{sandbox.WithBestEffort("luck"), "WithBestEffort(luck): no such feature"},

		{sandbox.WithRootFS("root"), "WithRootFS(root): not an absolute path"},
		{sandbox.WithBind("", "/data"), "WithBind(/data): source: empty path; or for WithTmpfs, the size must be positive"},
		{sandbox.WithBind("data", "/data"), "WithBind(data): source: not an absolute path"},
		{sandbox.WithBind("/data", "data"), "WithBind(data): target: not an absolute path"},
		{sandbox.WithBind("/data", "/"), "WithBind(/): cannot replace the root; use WithRootFS"},
		{sandbox.WithBind("/data", "/proc/self"), "WithBind(/proc/self): cannot mount over /proc"},
		{sandbox.WithReadOnlyBind("/data\x00", "/data"), "WithReadOnlyBind(/data\\x00): source: path with a zero byte"},
		{sandbox.WithIDMappedBind("/data", "/data", 0, 5), "WithIDMappedBind(0:5): must not be the host's root: the command could make set-user-ID programs of root's there"},
		{sandbox.WithSUID("usr/bin"), "WithSUID(usr/bin): not an absolute path"},
		{sandbox.WithSUID("/usr"), "WithSUID(/usr): not the target of WithBind, WithReadOnlyBind or WithTmpfs, nor \"/\" with WithRootFS"},
		{sandbox.WithTmpfs("/run", -1), "WithTmpfs(-1): size must be positive"},
		{sandbox.WithMask("secret"), "WithMask(secret): not an absolute path"},
		{sandbox.WithMask("/"), "WithMask(/): cannot mask the root"},
		{sandbox.WithHostname(""), "WithHostname(): must have 1 to 64 characters"},
		{sandbox.WithHostname("-x"), "WithHostname(-x): " + name},
		{sandbox.WithHostname("a b"), "WithHostname(a b): " + name},
	}
}

// contradictions are options that are wrong together.
func contradictions() []struct {
	opts []sandbox.Option
	want string
} {
	ids := []namespace.IDMap{{Inside: 0, Outside: 5000, Count: 10}}
	return []struct {
		opts []sandbox.Option
		want string
	}{
		{[]sandbox.Option{sandbox.WithMemory(sandbox.Unlimited), sandbox.WithMemorySwap(1 << 30)}, "WithMemorySwap(1073741824): needs a memory limit"},
		{[]sandbox.Option{sandbox.WithoutInit(), sandbox.WithPIDNamespace(sandbox.PIDFrom(&sandbox.Process{}))}, "WithoutInit(): contradicts WithPIDNamespace: the other sandbox has a PID 1"},
		{[]sandbox.Option{sandbox.WithHostname("a"), sandbox.WithUTS(sandbox.UTSHost)}, "WithUTS(host): contradicts WithHostname: the name is the host's"},
		{[]sandbox.Option{sandbox.WithHostUserNS(), sandbox.WithIDMap(ids, ids)}, "WithHostUserNS(): contradicts WithUserRemap and WithIDMap"},
		{[]sandbox.Option{sandbox.WithUserRemap("dockremap"), sandbox.WithIDMap(ids, ids)}, "WithUserRemap(dockremap): contradicts WithIDMap"},
		{[]sandbox.Option{sandbox.WithSELinuxDisabled(), sandbox.WithSELinux(lsm.Label{Type: "svirt_t"})}, "WithSELinuxDisabled(): contradicts a label"},
	}
}

// flagOptions have no value that could be wrong.
var flagOptions = []string{"WithHostUserNS", "WithNewPrivileges", "WithPrivileged", "WithoutLandlock", "WithTerminal", "WithSELinuxDisabled"}

func TestBadOptions(t *testing.T) {
	var all []sandbox.Option
	for _, c := range badOptions() {
		_, err := sandbox.New(c.opt)
		var bad *sandbox.OptionError
		if err == nil || err.Error() != "sandbox: "+c.want || !errors.As(err, &bad) {
			t.Errorf("got  %v\nwant sandbox: %s", err, c.want)
		}
		all = append(all, c.opt)
	}
	for _, c := range contradictions() {
		if _, err := sandbox.New(c.opts...); err == nil || err.Error() != "sandbox: "+c.want {
			t.Errorf("got  %v\nwant sandbox: %s", err, c.want)
		}
	}
	// All at once: one line for each option that is still bad when the last of
	// its kind counts.
	_, err := sandbox.New(all...)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) < 50 {
		t.Fatalf("not joined: %v", err)
	}
	for _, one := range joined.Unwrap() {
		if _, ok := one.(*sandbox.OptionError); !ok {
			t.Errorf("%T: %v", one, one)
		}
	}
}

// TestEveryOptionHasBadValues: an option that is added later is in the table.
func TestEveryOptionHasBadValues(t *testing.T) {
	known := strings.Join(flagOptions, " ") + " "
	for _, c := range badOptions() {
		name, _, _ := strings.Cut(c.want, "(")
		known += name + " "
	}
	for _, c := range contradictions() {
		name, _, _ := strings.Cut(c.want, "(")
		known += name + " "
	}
	for _, f := range exported(t).options {
		if !strings.Contains(known, f.Name.Name+" ") {
			t.Errorf("%s has no bad value in badOptions", f.Name.Name)
		}
	}
}
