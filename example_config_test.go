package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/seed-d1379373/sandbox"
)

// New finds all bad options at once.
func ExampleNew() {
	_, err := sandbox.New(
		sandbox.WithMemory(1000),
		sandbox.WithCPUSet("0-"),
		sandbox.AddCap("fly"),
	)
	fmt.Println(err)
	// Output:
	// sandbox: WithMemory(1000): must be at least 65536 bytes (64 KiB), or sandbox.Unlimited
	// sandbox: WithCPUSet(0-): bad list entry "0-": "" is not a number
	// sandbox: AddCap(fly): no such capability
}

func ExampleOptionError() {
	_, err := sandbox.New(sandbox.WithCPUShares(1))
	var option *sandbox.OptionError
	if errors.As(err, &option) {
		fmt.Printf("%s\n%s\n%s\n", option.Option, option.Value, option.Reason)
	}
	// Output:
	// WithCPUShares
	// 1
	// must be from 2 to 262144
}

// The effective policy, defaults included, as JSON.
func ExampleSandbox_Config() {
	s, err := sandbox.New(sandbox.WithMemory(64<<20), sandbox.WithReadOnlyBind("/srv/data", "/data"))
	if err != nil {
		fmt.Println(err)
		return
	}
	c := s.Config()
	fmt.Println(c.Memory, c.Pids, c.Network, c.Seccomp, c.Rlimits["NOFILE"].Soft)
	json.NewEncoder(os.Stdout).Encode(c.Mounts)
	// Output:
	// 67108864 512 none default 1024
	// [{"source":"/srv/data","target":"/data","readOnly":true}]
}

// What was added to the capabilities, what was dropped, and what is left to the
// sandbox at most, as docker inspect shows them.
func ExampleConfig() {
	s, err := sandbox.New(sandbox.AddCap("net_admin"), sandbox.DropCap("all"))
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := json.Marshal(s.Config())
	var c sandbox.Config
	if err := json.Unmarshal(text, &c); err != nil {
		fmt.Println(err)
	}
	fmt.Println(c.CapAdd, c.CapDrop, c.Bounding)
	// Output:
	// [net_admin] [all] cap_net_admin
}

// How a command ended, in words.
func ExampleReason() {
	for _, r := range []sandbox.Reason{sandbox.Exited, sandbox.OOMKilled, sandbox.TimedOut} {
		fmt.Println(r)
	}
	// Output:
	// Exited
	// OOMKilled
	// TimedOut
}

func ExampleViolation() {
	fmt.Println(sandbox.Violation{Control: "pids", Detail: "fork refused at the limit", Count: 2})
	// Output:
	// pids: fork refused at the limit (2 times)
}
