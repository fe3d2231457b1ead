package sandbox_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

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

		{words("--ipc container:db"), []string{"--ipc(container:db): nothing here finds a sandbox by its name; use ParseDockerArgs, NetworkFrom, IPCFrom or PIDFrom"}},
		{words("--ipc shared"), []string{"--ipc(shared): want private, shareable, host, none or container:NAME"}},
		{words("--network bridge"), []string{"--network(bridge): there is no such network here, want none, host, container:NAME or ns:PATH"}},
		{words("--net mine"), []string{"--network(mine): want none, host, container:NAME or ns:PATH"}},
		{words("--net ns:blue"), []string{"--network(ns:blue): the path of the namespace is not absolute"}},
		{words("--userns remap"), []string{"--userns(remap): want host or private"}},
		{words("--pid host"), []string{"--pid(host): not possible: without a PID namespace a process that detaches itself would outlive the sandbox; to look at the host's processes, bind its /proc"}},
		{words("--pid container:db"), []string{"--pid(container:db): nothing here finds a sandbox by its name; use ParseDockerArgs, NetworkFrom, IPCFrom or PIDFrom"}},
		{words("--pid own"), []string{"--pid(own): want private, host or container:NAME"}},
		{words("--uts own"), []string{"--uts(own): want private or host"}},
		{words("--uts host -h name"), []string{"--uts(host): contradicts --hostname: the name is the host's"}},
		{words("--cgroupns own"), []string{"--cgroupns(own): want private or host"}},
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
		{words("-p 80:80 --expose 80"), []string{"--publish(80:80): " + ports, "--expose(80): " + ports}},
		{words("-P"), []string{"--publish-all(true): says something about the image and cannot be an option; ParseDockerArgs returns it"}},
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
		"--stop-signal SIGFOO":     "sandbox: --stop-signal(SIGFOO): not a signal, such as SIGQUIT or 3",
		"--stop-signal=65":         "sandbox: --stop-signal(65): not a signal, such as SIGQUIT or 3",
		"-e =x":                    "sandbox: --env(=x): no name",
		"--entrypoint /bin/sh img": "sandbox: --entrypoint(/bin/sh): the program is the first argument after the image",
	} {
		if _, err := sandbox.ParseDockerArgs(words(args), host); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
	}
}
