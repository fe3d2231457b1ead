package sandbox_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
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
		{words("--pid private --uts= --cgroupns private"), nil},
		{words("--uts host"), opts{sandbox.WithUTS(sandbox.UTSHost)}},
		{words("--cgroupns=host"), opts{sandbox.WithCgroupNamespace(sandbox.CgroupHost)}},
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
		{words("--security-opt label:level:s0:c100,c200 --security-opt label=type:svirt_t"), opts{sandbox.WithSELinux(lsm.Label{Type: "svirt_t", Level: "s0:c100,c200"})}},
		{words("--security-opt label=disable"), opts{sandbox.WithSELinuxDisabled()}},
		{words("--security-opt apparmor=strict"), opts{sandbox.WithAppArmor("strict")}},
		{words("--security-opt no-new-privileges"), nil},
		{words("--security-opt no-new-privileges=false"), opts{sandbox.WithNewPrivileges()}},
		{words("--security-opt no-new-privileges=false -v /usr:/x --tmpfs /y"), opts{sandbox.WithNewPrivileges(),
			sandbox.WithBind("/usr", "/x"), sandbox.WithTmpfs("/y", 64<<20), sandbox.WithSUID("/x")}},

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
	args := words("-ditP --rm --name db -e A=b --env=DOCKER_TEST_SET -e DOCKER_TEST_UNSET --env EMPTY= -w /tmp --stop-signal SIGQUIT -v data:/data -m 64m image ls -l --memory x")
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
		Interactive: true, TTY: true, Remove: true, Detach: true, PublishAll: true, Args: words("image ls -l --memory x"),
	}); !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
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
