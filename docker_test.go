package sandbox_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/seccomp"
)

// configOf is the policy of some options on top of what FromDockerArgs always
// gives.
func configOf(t *testing.T, opts ...sandbox.Option) sandbox.Config {
	t.Helper()
	base, err := sandbox.FromDockerArgs(nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.New(append(base, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Config()
}

func words(s string) []string { return strings.Fields(s) }

// TestDockerArgs compares flags with the options that they stand for.
func TestDockerArgs(t *testing.T) {
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	type opts = []sandbox.Option
	for _, c := range []struct {
		args []string
		want opts
	}{
		{nil, nil},
		{words("--memory 256m"), opts{sandbox.WithMemory(256 << 20)}},
		{words("--memory=256M"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m 256mb"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m256MiB"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m=262144k"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m 268435456"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m 268435456b"), opts{sandbox.WithMemory(256 << 20)}},
		{[]string{"-m", "256 m"}, opts{sandbox.WithMemory(256 << 20)}},
		{words("-m 0.25g"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m 1t"), opts{sandbox.WithMemory(1 << 40)}},
		{words("-m 0"), opts{sandbox.WithMemory(sandbox.Unlimited)}},
		{words("-m 64m -m 256m"), opts{sandbox.WithMemory(256 << 20)}},
		{words("-m 256m --memory-swap 1g"), opts{sandbox.WithMemory(256 << 20), sandbox.WithMemorySwap(1 << 30)}},
		{words("--memory-swap -1 -m 256m"), opts{sandbox.WithMemory(256 << 20), sandbox.WithMemorySwap(sandbox.Unlimited)}},
		{words("--memory-swap=0"), nil},
		{words("--memory-reservation 2g -m 4g"), opts{sandbox.WithMemory(4 << 30), sandbox.WithMemoryReservation(2 << 30)}},
		{words("--shm-size 128m"), opts{sandbox.WithShmSize(128 << 20)}},
		{words("--oom-score-adj 500"), opts{sandbox.WithOOMScoreAdj(500)}},
		{words("--oom-score-adj -500"), opts{sandbox.WithOOMScoreAdj(-500)}},

		{words("-c 512"), opts{sandbox.WithCPUShares(512)}},
		{words("--cpu-shares=0"), nil},
		{words("--cpus 0.75"), opts{sandbox.WithCPUs(0.75)}},
		{words("--cpus=0"), nil},
		{words("--cpu-quota 75000"), opts{sandbox.WithCPUs(0.75)}},
		{words("--cpu-quota 25000 --cpu-period 50000"), opts{sandbox.WithCPUs(0.5)}},
		{words("--cpu-quota -1"), nil},
		{words("--cpuset-cpus 0-1,3 --cpuset-mems 0"), opts{sandbox.WithCPUSet("0-1,3"), sandbox.WithCPUSetMems("0")}},
		{words("--cpuset-cpus="), nil},
		{words("--pids-limit 100"), opts{sandbox.WithPids(100)}},
		{words("--pids-limit=-1"), opts{sandbox.WithPids(sandbox.Unlimited)}},
		{words("--pids-limit 0"), opts{sandbox.WithPids(sandbox.Unlimited)}},
		{words("--ulimit nofile=10:20 --ulimit core=0 --ulimit nproc=-1"), opts{
			sandbox.WithRlimit("NOFILE", 10, 20), sandbox.WithRlimit("CORE", 0, 0), sandbox.WithRlimit("NPROC", ^uint64(0), ^uint64(0))}},
		{words("--blkio-weight 300"), opts{sandbox.WithIOWeight(300)}},
		{words("--blkio-weight 0"), nil},
		{words("--device-read-bps /dev/sda:1mb --device-write-iops /dev/sda:10 --device-write-bps /dev/sdb:2k --device-read-iops /dev/sdb:3"), opts{
			sandbox.WithIOMax("/dev/sda", sandbox.IOLimit{ReadBytes: 1 << 20, WriteOps: 10}),
			sandbox.WithIOMax("/dev/sdb", sandbox.IOLimit{WriteBytes: 2 << 10, ReadOps: 3})}},
		{words("--cgroup-parent /judge"), opts{sandbox.WithCgroupParent("/judge")}},

		{words("--device /dev/video0 --device=/dev/null:/dev/nothing:r"), opts{sandbox.WithDevice("/dev/video0", "/dev/null:/dev/nothing:r")}},
		{[]string{"--device-cgroup-rule", "c 189:* rmw"}, opts{sandbox.WithDeviceRule("c 189:* rmw")}},

		{words("--ipc shareable"), opts{sandbox.WithIPC(sandbox.IPCShareable)}},
		{words("--ipc=host"), opts{sandbox.WithIPC(sandbox.IPCHost)}},
		{words("--ipc none"), opts{sandbox.WithIPC(sandbox.IPCNone)}},
		{words("--ipc private --pid= --uts private --cgroupns=private"), nil},
		{words("--network host"), opts{sandbox.WithNetwork(sandbox.NetworkHost)}},
		{words("--net=none"), opts{sandbox.WithNetwork(sandbox.NetworkNone)}},
		{words("--net ns:/run/netns/blue"), opts{sandbox.WithNetwork(sandbox.NetworkPath("/run/netns/blue"))}},
		{words("--userns host"), opts{sandbox.WithHostUserNS()}},
		{words("-h box"), opts{sandbox.WithHostname("box")}},
		{words("--hostname="), nil},

		{words("-u nobody:nogroup"), opts{sandbox.WithUser("nobody:nogroup")}},
		{words("--user=10000:20000"), opts{sandbox.WithUser("10000:20000")}},
		{words("-u0"), opts{sandbox.WithUser("0")}},
		{words("--group-add audio --group-add 44"), opts{sandbox.WithGroups("audio", "44")}},
		{words("--cap-add sys_admin --cap-add=CAP_NET_ADMIN --cap-drop NET_RAW --cap-drop mknod"), opts{
			sandbox.AddCap("sys_admin", "CAP_NET_ADMIN"), sandbox.DropCap("NET_RAW", "mknod")}},
		{words("--cap-drop ALL --cap-add chown"), opts{sandbox.DropCap("ALL"), sandbox.AddCap("chown")}},
		{words("--privileged"), opts{sandbox.WithPrivileged()}},
		{words("--privileged=false"), nil},
		{words("--security-opt seccomp=unconfined"), opts{sandbox.WithSeccomp(seccomp.Unconfined)}},
		{words("--security-opt label:level:s0:c100,c200 --security-opt label=type:svirt_t"), opts{sandbox.WithSELinux(sandbox.Label{Type: "svirt_t", Level: "s0:c100,c200"})}},
		{words("--security-opt label=disable"), opts{sandbox.WithSELinuxDisabled()}},
		{words("--security-opt apparmor=strict"), opts{sandbox.WithAppArmor("strict")}},
		{words("--security-opt no-new-privileges"), nil},
		{words("--security-opt no-new-privileges=false"), opts{sandbox.WithNewPrivileges()}},

		{words("-v /a:/b -v /c:/d:ro -v /e:/f:rw"), opts{
			sandbox.WithBind("/a", "/b"), sandbox.WithReadOnlyBind("/c", "/d"), sandbox.WithBind("/e", "/f")}},
		{words("--volume=./a:/b"), opts{sandbox.WithBind(filepath.Join(cwd, "a"), "/b")}},
		{words("--mount type=bind,source=/a,target=/b"), opts{sandbox.WithBind("/a", "/b")}},
		{words("--mount type=bind,src=/a,dst=/b,readonly"), opts{sandbox.WithReadOnlyBind("/a", "/b")}},
		{words("--mount type=bind,src=/a,destination=/b,ro=false"), opts{sandbox.WithBind("/a", "/b")}},
		{[]string{"--mount", `type=bind,"source=/a,b",target=/b`}, opts{sandbox.WithBind("/a,b", "/b")}},
		{words("--mount type=tmpfs,target=/x,tmpfs-size=1m"), opts{sandbox.WithTmpfs("/x", 1<<20)}},
		{words("--tmpfs /x --tmpfs /run:size=1m,nosuid,rw,mode=1777"), opts{sandbox.WithTmpfs("/x", 64<<20), sandbox.WithTmpfs("/run", 1<<20)}},

		{words("--init --read-only --rm -i"), nil},
		{words("-it --rm=true"), opts{sandbox.WithTerminal()}},
		{words("-itm256m"), opts{sandbox.WithTerminal(), sandbox.WithMemory(256 << 20)}},
		{words("-t=false -i=1"), nil},
		{words("-m 256m --"), opts{sandbox.WithMemory(256 << 20)}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			got, err := sandbox.FromDockerArgs(c.args)
			if err != nil {
				t.Fatal(err)
			}
			s, err := sandbox.New(got...)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if want := configOf(t, c.want...); !reflect.DeepEqual(s.Config(), want) {
				t.Errorf("got  %+v\nwant %+v", s.Config(), want)
			}
		})
	}
}

// TestDockerArgsErrors: each is the whole text.
func TestDockerArgsErrors(t *testing.T) {
	const (
		size  = "not a size such as 64k, 256m or 1.5g"
		count = "not a whole number"
		ports = "no network here has ports to publish; --network host has the host's"
		nets  = "there is no such network here, want none, host, container:NAME or ns:PATH"
	)
	for _, c := range []struct {
		args []string
		want []string // without "sandbox: "
	}{
		{words("-m 12x"), []string{"--memory(12x): " + size}},
		{words("--memory=-5m"), []string{"--memory(-5m): " + size}},
		{words("-m m"), []string{"--memory(m): " + size}},
		{words("-m 1e3"), []string{"--memory(1e3): " + size}},
		{words("-m 1mbb"), []string{"--memory(1mbb): " + size}},
		{words("-m 99999999t"), []string{"--memory(99999999t): too large"}},
		{words("-m 0.5"), []string{"--memory(0.5): less than one byte"}},
		{words("-m 4k"), []string{"--memory(4k): must be at least 65536 bytes (64 KiB), or sandbox.Unlimited"}},
		{words("-m"), []string{"--memory(): needs a value"}},
		{words("-itm"), []string{"--memory(): needs a value"}},
		{words("--memory-swap 1g"), []string{"--memory-swap(1g): is the sum of memory and swap and needs --memory"}},
		{words("-m 1g --memory-swap 512m"), []string{"--memory-swap(512m): is the sum of memory and swap, and less than the memory limit of 1073741824"}},
		{words("-m 1g --memory-reservation 2g"), []string{"--memory-reservation(2g): is more than the memory limit of 1073741824"}},
		{words("--shm-size 0"), []string{"--shm-size(0): must be positive"}},
		{words("--oom-score-adj 1001"), []string{"--oom-score-adj(1001): must be from -1000 to 1000"}},
		{words("--oom-score-adj x"), []string{"--oom-score-adj(x): " + count}},

		{words("-c 1"), []string{"--cpu-shares(1): must be from 2 to 262144"}},
		{words("--cpu-shares -5"), []string{"--cpu-shares(-5): must not be negative"}},
		{words("--cpu-shares 1.5"), []string{"--cpu-shares(1.5): " + count}},
		{words("--cpus 0.001"), []string{"--cpus(0.001): must be from 0.01 to 65536"}},
		{words("--cpus nan"), []string{"--cpus(nan): must be from 0.01 to 65536"}},
		{words("--cpus half"), []string{"--cpus(half): not a number such as 0.75"}},
		{words("--cpus 1 --cpu-quota 5000"), []string{"--cpus(1): contradicts --cpu-quota and --cpu-period"}},
		{words("--cpu-quota 999"), []string{"--cpu-quota(999): must be at least 1000 microseconds"}},
		{words("--cpu-quota x"), []string{"--cpu-quota(x): " + count}},
		{words("--cpu-period 10 --cpu-quota 1000"), []string{"--cpu-period(10): must be from 1000 to 1000000 microseconds"}},
		{words("--cpu-period 50000"), []string{"--cpu-period(50000): does nothing without --cpu-quota"}},
		{words("--cpuset-cpus 3-1"), []string{`--cpuset-cpus(3-1): bad list entry "3-1": the range runs backwards`}},
		{words("--pids-limit -2"), []string{"--pids-limit(-2): must be from 1 to 4194304, or sandbox.Unlimited"}},
		{words("--ulimit nofile"), []string{"--ulimit(nofile): not of the form NAME=SOFT[:HARD]"}},
		{words("--ulimit nofile=1:2:3"), []string{"--ulimit(nofile=1:2:3): not of the form NAME=SOFT[:HARD]"}},
		{words("--ulimit nofile=20:10"), []string{"--ulimit(nofile=20:10): the soft limit 20 is above the hard limit 10"}},
		{words("--ulimit files=1"), []string{"--ulimit(files=1): no such limit; there are AS, CORE, CPU, DATA, FSIZE, LOCKS, MEMLOCK, MSGQUEUE, NICE, NOFILE, NPROC, RSS, RTPRIO, RTTIME, SIGPENDING, STACK"}},
		{words("--blkio-weight 5"), []string{"--blkio-weight(5): must be from 10 to 1000"}},
		{words("--blkio-weight 70000"), []string{"--blkio-weight(70000): must be from 10 to 1000"}},
		{words("--device-read-bps /dev/sda"), []string{"--device-read-bps(/dev/sda): not of the form DEVICE:RATE"}},
		{words("--device-read-iops sda:5"), []string{"--device-read-iops(sda:5): device: not an absolute path"}},

		{words("--device video0"), []string{"--device(video0): host device: not an absolute path"}},
		{words("--device /dev/a:/dev/b:x"), []string{"--device(/dev/a:/dev/b:x): access must be some of the letters r, w and m"}},
		{words("--device-cgroup-rule c"), []string{"--device-cgroup-rule(c): not of the form TYPE MAJOR:MINOR ACCESS, such as c 189:* rmw"}},

		{words("--ipc container:db"), []string{"--ipc(container:db): nothing here finds a sandbox by its name; use ParseDockerArgs, NetworkFrom or IPCFrom"}},
		{words("--ipc shared"), []string{"--ipc(shared): want private, shareable, host, none or container:NAME"}},
		{words("--network bridge"), []string{"--network(bridge): there is no such network here, want none, host, container:NAME or ns:PATH"}},
		{words("--net mine"), []string{"--network(mine): want none, host, container:NAME or ns:PATH"}},
		{words("--net ns:blue"), []string{"--network(ns:blue): the path of the namespace is not absolute"}},
		{words("--userns remap"), []string{"--userns(remap): want host or private"}},
		{words("--pid host"), []string{"--pid(host): only private is possible"}},
		{words("--uts host"), []string{"--uts(host): only private is possible"}},
		{words("-h -x"), []string{"--hostname(-x): only letters, digits, dots, hyphens and underscores"}},

		{words("-u a:b:c"), []string{"--user(a:b:c): not of the form user or user:group"}},
		{words("--group-add a:b"), []string{"--group-add(a:b): not a group name or number"}},
		{words("--cap-add fly"), []string{"--cap-add(fly): no such capability"}},
		{words("--cap-drop CAP_"), []string{"--cap-drop(CAP_): empty name"}},
		{words("--security-opt magic=1"), []string{"--security-opt(magic=1): not one of label:user:, label:role:, label:type:, label:level:, label:disable, apparmor:, seccomp:, no-new-privileges"}},
		{words("--privileged=maybe"), []string{"--privileged(maybe): must be true or false"}},

		{words("-v data:/data"), []string{"--volume(data:/data): nothing here finds the volume data by its name; name a directory of the host by its path"}},
		{words("-v /data"), []string{"--volume(/data): a volume without a name is a file system of its own; use --tmpfs, or name a directory of the host"}},
		{words("-v /a:/b:ro:x"), []string{"--volume(/a:/b:ro:x): not of the form SOURCE:TARGET[:ro]"}},
		{words("-v /a:/b:z"), []string{"--volume(/a:/b:z): the mode z cannot be honoured, only ro and rw"}},
		{words("-v /a:b"), []string{"--volume(/a:b): target: not an absolute path"}},
		{words("--tmpfs x"), []string{"--tmpfs(x): target: not an absolute path"}},
		{words("--tmpfs /x:noexec"), []string{"--tmpfs(/x:noexec): the option noexec cannot be honoured, only size=, rw, nosuid, nodev, exec and mode=1777"}},
		{words("--tmpfs /x:size=0"), []string{"--tmpfs(/x:size=0): the size must be positive"}},
		{words("--tmpfs /x:size=z"), []string{"--tmpfs(/x:size=z): " + size}},
		{words("--mount type=bind,source=/a"), []string{"--mount(type=bind,source=/a): no target"}},
		{words("--mount type=bind,target=/a"), []string{"--mount(type=bind,target=/a): no source"}},
		{words("--mount target=/a,source=x"), []string{"--mount(target=/a,source=x): nothing here finds the volume x by its name; name a directory of the host by its path"}},
		{words("--mount type=npipe,target=/a"), []string{"--mount(type=npipe,target=/a): the type npipe cannot be honoured, only bind, tmpfs and volume"}},
		{words("--mount type=bind,bind-propagation=shared"), []string{"--mount(type=bind,bind-propagation=shared): the key bind-propagation cannot be honoured, only type, source, target, readonly, tmpfs-size and tmpfs-mode"}},
		{words("--mount type=tmpfs,source=/a,target=/b"), []string{"--mount(type=tmpfs,source=/a,target=/b): a tmpfs has no source"}},
		{words("--mount type=tmpfs,target=/b,ro"), []string{"--mount(type=tmpfs,target=/b,ro): a tmpfs that is read-only stays empty"}},
		{[]string{"--mount", `type="bind`}, []string{`--mount(type="bind): not a list of KEY=VALUE separated by commas`}},

		{words("--init=false"), []string{"--init(false): cannot be turned off: the launcher is PID 1"}},
		{words("--read-only=false"), []string{"--read-only(false): cannot be turned off: the root is read-only; name what is to be written to with --volume or --tmpfs"}},
		{words("-p 80:80 --publish-all"), []string{"--publish(80:80): " + ports, "--publish-all(true): " + ports}},
		{words("--link db"), []string{"--link(db): " + nets}},
		{words("--restart always"), []string{"--restart(always): there is no daemon that would do it"}},
		{words("--gpus all"), []string{"--gpus(all): name each device with --device"}},
		{words("--log-driver none"), []string{"--log-driver(none): there is no log but the command's output"}},
		{words("--sysctl net.ipv4.ip_forward=1"), []string{"--sysctl(net.ipv4.ip_forward=1): there is no such control"}},

		{words("-e A=b -w /tmp"), []string{
			"--env(A=b): says something about the command and cannot be an option; ParseDockerArgs returns it",
			"--workdir(/tmp): says something about the command and cannot be an option; ParseDockerArgs returns it"}},
		{words("--name web -d"), []string{
			"--name(web): says something about the caller and cannot be an option; ParseDockerArgs returns it",
			"--detach(true): says something about the caller and cannot be an option; ParseDockerArgs returns it"}},
		{words("-m 256m debian ls"), []string{"FromDockerArgs(debian): not a flag; ParseDockerArgs returns what follows the flags"}},
		{words("-- -x"), []string{"FromDockerArgs(-x): not a flag; ParseDockerArgs returns what follows the flags"}},
		{words("--colour red"), []string{"--colour(): unknown flag"}},
		{words("-iz"), []string{"-z(-iz): unknown flag"}},
		{[]string{"--user", "a\x00"}, []string{`--user(a\0): zero byte`}},
		{words("-m x -c 1 -p 1:1"), []string{"--memory(x): " + size, "--cpu-shares(1): must be from 2 to 262144", "--publish(1:1): " + ports}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			opts, err := sandbox.FromDockerArgs(c.args)
			if err == nil {
				t.Fatalf("no error, %d options", len(opts))
			}
			want := "sandbox: " + strings.Join(c.want, "\nsandbox: ")
			if err.Error() != want {
				t.Errorf("got  %s\nwant %s", err, want)
			}
			var bad *sandbox.OptionError
			if !errors.As(err, &bad) || bad.Reason == "" {
				t.Errorf("%#v is no OptionError", err)
			}
		})
	}
}

// dockerRunFlags is every flag of docker run 28.2 and of its short forms, but
// --help: none may be unknown.
var dockerRunFlags = words(`add-host annotation attach blkio-weight blkio-weight-device cap-add cap-drop cgroup-parent
	cgroupns cidfile cpu-count cpu-percent cpu-period cpu-quota cpu-rt-period cpu-rt-runtime cpu-shares cpus cpuset-cpus
	cpuset-mems detach detach-keys device device-cgroup-rule device-read-bps device-read-iops device-write-bps
	device-write-iops disable-content-trust dns dns-option dns-search domainname entrypoint env env-file expose gpus
	group-add health-cmd health-interval health-retries health-start-interval health-start-period health-timeout
	hostname init interactive io-maxbandwidth io-maxiops ip ip6 ipc isolation kernel-memory label label-file link
	link-local-ip log-driver log-opt mac-address memory memory-reservation memory-swap memory-swappiness mount name
	network network-alias no-healthcheck oom-kill-disable oom-score-adj pid pids-limit platform privileged publish
	publish-all pull quiet read-only restart rm runtime security-opt shm-size sig-proxy stop-signal stop-timeout
	storage-opt sysctl tmpfs tty ulimit use-api-socket user userns uts volume volume-driver volumes-from workdir
	a c d e h i l m p P q t u v w`)

func TestEveryDockerFlagIsKnown(t *testing.T) {
	for _, name := range dockerRunFlags {
		arg := "--" + name + "=x"
		if len(name) == 1 {
			arg = "-" + name + "=x"
		}
		_, err := sandbox.FromDockerArgs([]string{arg})
		if err != nil && strings.Contains(err.Error(), "unknown flag") {
			t.Errorf("%s: %v", arg, err)
		}
	}
}

func TestParseDockerArgs(t *testing.T) {
	t.Setenv("DOCKER_TEST_SET", "from the caller")
	args := words("-dit --rm --name db -e A=b --env=DOCKER_TEST_SET -e DOCKER_TEST_UNSET --env EMPTY= -w /tmp --stop-signal SIGQUIT -v data:/data -m 64m image ls -l --memory x")
	host := sandbox.DockerHost{Volume: func(name string) (string, error) { return "/volumes/" + name, nil }}
	d, err := sandbox.ParseDockerArgs(args, host)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sandbox.New(d.Options...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := configOf(t, sandbox.WithBind("/volumes/data", "/data"), sandbox.WithMemory(64<<20), sandbox.WithTerminal())
	if !reflect.DeepEqual(s.Config(), want) {
		t.Errorf("got  %+v\nwant %+v", s.Config(), want)
	}
	d.Options = nil
	if want := (&sandbox.DockerArgs{
		Env: []string{"A=b", "DOCKER_TEST_SET=from the caller", "EMPTY="}, Workdir: "/tmp", Name: "db", StopSignal: "SIGQUIT",
		Interactive: true, TTY: true, Remove: true, Detach: true, Args: words("image ls -l --memory x"),
	}); !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
}

func TestParseDockerArgsErrors(t *testing.T) {
	missing := errors.New("no such thing")
	host := sandbox.DockerHost{
		Process: func(name string) (*sandbox.Process, error) {
			if name == "nil" {
				return nil, nil
			}
			return nil, missing
		},
		Volume: func(string) (string, error) { return "", missing },
	}
	for args, want := range map[string]string{
		"--net container:a":        "sandbox: --network(container:a): no such thing",
		"--ipc container:nil":      "sandbox: --ipc(container:nil): no sandbox nil",
		"--ipc container:a/b":      "sandbox: --ipc(container:a/b): a name is letters, digits, '_', '.' and '-', the first a letter or digit",
		"-v a:/b":                  "sandbox: --volume(a:/b): no such thing",
		"--mount source=a,dst=/b":  "sandbox: --mount(source=a,dst=/b): no such thing",
		"--name a/b":               "sandbox: --name(a/b): a name is letters, digits, '_', '.' and '-', the first a letter or digit",
		"-w tmp":                   "sandbox: --workdir(tmp): not an absolute path",
		"-e =x":                    "sandbox: --env(=x): no name",
		"--entrypoint /bin/sh img": "sandbox: --entrypoint(/bin/sh): the program is the first argument after the image",
	} {
		if _, err := sandbox.ParseDockerArgs(words(args), host); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}

// FuzzDockerArgs: whatever the arguments are, the options that come back are
// valid one by one, nothing panics, and errors are OptionErrors.
func FuzzDockerArgs(f *testing.F) {
	for _, seed := range []string{
		"-itm256m --memory-swap=-1 --rm image", "--cpus 0.75 -c 512 --cpuset-cpus 0-2,4", "-u 1:2 --group-add x -v /a:/b:ro --tmpfs /x:size=1k",
		`--mount type=bind,"source=/a,b",target=/b,ro=true`, "--ulimit nofile=1:2 --device /dev/null:r --network container:x", "-p 80:80 -- x", "-", "--", "-e A -w / --name x",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\n"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		args := strings.Split(text, "\n")
		d, err := sandbox.ParseDockerArgs(args, sandbox.DockerHost{})
		if (d == nil) != (err != nil) {
			t.Fatalf("%v and %v", d, err)
		}
		if err != nil {
			joined, ok := err.(interface{ Unwrap() []error })
			if !ok {
				t.Fatalf("%T is not joined", err)
			}
			for _, one := range joined.Unwrap() {
				if _, ok := one.(*sandbox.OptionError); !ok {
					t.Errorf("%T: %v", one, one)
				}
			}
			return
		}
		if n := len(args) - len(d.Args); n < 0 || !slices.Equal(args[n:], d.Args) {
			t.Errorf("%q is not the end of %q", d.Args, args)
		}
		only, err := sandbox.FromDockerArgs(args)
		if err == nil && len(only) != len(d.Options) {
			t.Errorf("%d options, or %d", len(only), len(d.Options))
		}
	})
}

func ExampleFromDockerArgs() {
	opts, err := sandbox.FromDockerArgs([]string{"--memory", "256m", "--cpus=0.75", "-u", "nobody", "--cap-drop", "net_raw"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err := sandbox.New(opts...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	c := s.Config()
	fmt.Println(c.Memory>>20, "MiB,", c.CPUs, "CPUs,", c.User, c.CapDrop)

	_, err = sandbox.FromDockerArgs([]string{"--memory", "lots", "--publish", "8080:80"})
	fmt.Println(err)
	// Output:
	// 256 MiB, 0.75 CPUs, nobody [net_raw]
	// sandbox: --memory(lots): not a size such as 64k, 256m or 1.5g
	// sandbox: --publish(8080:80): no network here has ports to publish; --network host has the host's
}
