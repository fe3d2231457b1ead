//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/namespace"
)

// By default the network is a loopback interface and nothing else.
func ExampleWithNetwork() {
	host, _ := os.Readlink("/proc/self/ns/net")
	for _, opts := range [][]sandbox.Option{{}, {sandbox.WithNetwork(sandbox.NetworkHost)}} {
		cmd := exec.Command("readlink", "/proc/self/ns/net")
		var out strings.Builder
		cmd.Stdout = &out
		if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("the host's network:", out.String() == host+"\n")
	}
	// Output:
	// the host's network: false
	// the host's network: true
}

// Two sandboxes with one network. Only root may join them.
func ExampleNetworkFrom() {
	first := exec.Command("cat")
	in, _ := first.StdinPipe()
	p, err := sandbox.Start(context.Background(), first)
	if err != nil {
		fmt.Println(err)
		return
	}
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	var out strings.Builder
	cmd.Stdout = &out
	network, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", p.PID()))
	_, err = sandbox.Run(context.Background(), cmd, sandbox.WithNetwork(sandbox.NetworkFrom(p)))

	joined := err == nil && out.String() == network+"\n"
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("joined or refused:", joined || refused)
	in.Close()
	p.Wait()
	// Output:
	// joined or refused: true
}

// The namespaces that "ip netns" makes lie in /run/netns.
func ExampleNetworkPath() {
	s, err := sandbox.New(sandbox.WithNetwork(sandbox.NetworkPath("/run/netns/blue")))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Config().Network)
	// Output:
	// ns:/run/netns/blue
}

// Without any IPC there is no /dev/shm, either.
func ExampleWithIPC() {
	for _, mode := range []sandbox.IPCMode{sandbox.IPCPrivate, sandbox.IPCNone} {
		_, err := sandbox.Run(context.Background(), exec.Command("test", "-e", "/dev/shm"), sandbox.WithIPC(mode))
		var exit *sandbox.ExitError
		fmt.Println(mode, errors.As(err, &exit))
	}
	// Output:
	// private false
	// none true
}

// A sandbox that is not shareable cannot be joined.
func ExampleIPCFrom() {
	first := exec.Command("cat")
	in, _ := first.StdinPipe()
	p, err := sandbox.Start(context.Background(), first, sandbox.WithIPC(sandbox.IPCPrivate))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithIPC(sandbox.IPCFrom(p)))
	var option *sandbox.OptionError
	if errors.As(err, &option) {
		fmt.Println(option.Reason)
	}
	in.Close()
	p.Wait()
	// Output:
	// its IPC namespace is private; start it with WithIPC(IPCShareable)
}

// Inside, the command is process 2 of the sandbox, whose first one is the
// launcher. Having no PID namespace is refused.
func ExampleWithPIDNamespace() {
	cmd := exec.Command("sh", "-c", "echo process $$")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithPIDNamespace(sandbox.PIDPrivate)); err != nil {
		fmt.Println(err)
	}
	_, err := sandbox.New(sandbox.WithPIDNamespace(sandbox.PIDHost))
	fmt.Println(err)
	// Output:
	// process 2
	// sandbox: WithPIDNamespace(host): not possible: without a PID namespace a process that detaches itself would outlive the sandbox; to look at the host's processes, bind its /proc
}

// A tool looks at the processes of a sandbox that runs. Only root may join it.
func ExamplePIDFrom() {
	first := exec.Command("cat")
	in, _ := first.StdinPipe()
	p, err := sandbox.Start(context.Background(), first)
	if err != nil {
		fmt.Println(err)
		return
	}
	cmd := exec.Command("cat", "/proc/2/comm")
	var out strings.Builder
	cmd.Stdout = &out
	_, err = sandbox.Run(context.Background(), cmd, sandbox.WithPIDNamespace(sandbox.PIDFrom(p)))

	joined := err == nil && out.String() == "cat\n"
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("joined or refused:", joined || refused)
	in.Close()
	p.Wait()
	// Output:
	// joined or refused: true
}

// The host's name in place of an own one.
func ExampleWithUTS() {
	host, _ := os.Hostname()
	for _, mode := range []sandbox.UTSMode{sandbox.UTSPrivate, sandbox.UTSHost} {
		cmd := exec.Command("uname", "-n")
		var out strings.Builder
		cmd.Stdout = &out
		if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithUTS(mode)); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(mode, out.String() == host+"\n")
	}
	// Output:
	// private false
	// host true
}

// With the host's cgroup namespace a command sees where its cgroup lies.
func ExampleWithCgroupNamespace() {
	host, _ := os.Readlink("/proc/self/ns/cgroup")
	for _, mode := range []sandbox.CgroupMode{sandbox.CgroupPrivate, sandbox.CgroupHost} {
		cmd := exec.Command("readlink", "/proc/self/ns/cgroup")
		var out strings.Builder
		cmd.Stdout = &out
		if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithCgroupNamespace(mode)); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(mode, out.String() == host+"\n")
	}
	// Output:
	// private false
	// host true
}

// With the entry dockremap:5000:10000 in /etc/subuid and /etc/subgid, root
// inside is the user 5000 outside.
func ExampleWithUserRemap() {
	s, err := sandbox.New(sandbox.WithUserRemap("dockremap"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Config().UserRemap)
	// Output:
	// dockremap
}

// Root of the host can be reached through no map.
func ExampleWithIDMap() {
	m := []namespace.IDMap{{Inside: 0, Outside: 100000, Count: 65536}}
	_, err := sandbox.New(sandbox.WithIDMap(m, m))
	fmt.Println(err)

	m = []namespace.IDMap{{Inside: 1000, Outside: 0, Count: 1}}
	_, err = sandbox.New(sandbox.WithIDMap(m, m))
	fmt.Println(err != nil)
	// Output:
	// <nil>
	// true
}

// The command is PID 1 itself, as in a container without --init.
func ExampleWithoutInit() {
	for _, opts := range [][]sandbox.Option{{}, {sandbox.WithoutInit()}} {
		cmd := exec.Command("sh", "-c", "echo its pid is $$")
		cmd.Stdout = os.Stdout
		if _, err := sandbox.Run(context.Background(), cmd, opts...); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// its pid is 2
	// its pid is 1
}
