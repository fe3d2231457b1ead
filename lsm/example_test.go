package lsm_test

import (
	"fmt"

	"github.com/seed-d1379373/sandbox/lsm"
)

// A caller that is confined itself keeps its own profile.
func ExampleAppArmorExec() {
	for _, own := range []string{"unconfined", "web-server (enforce)"} {
		a := lsm.AppArmorExec("docker-default", lsm.ParseConfinement(own))
		fmt.Printf("%s: write %q to attr/%s\n", own, a.Value, a.File)
	}
	// Output:
	// unconfined: write "exec docker-default" to attr/apparmor/exec
	// web-server (enforce): write "stack docker-default" to attr/apparmor/exec
}

func ExampleLabel_Over() {
	own, err := lsm.ParseLabel("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(lsm.Label{Type: "svirt_t", Level: "s0:c200,c100"}.Over(own).Canonical())
	// Output:
	// unconfined_u:unconfined_r:svirt_t:s0:c100,c200
}

// Categories are a set, however they are written.
func ExampleLabel_Equal() {
	a, _ := lsm.ParseLabel("system_u:system_r:container_t:s0:c1,c2,c3")
	b, _ := lsm.ParseLabel("system_u:system_r:container_t:s0:c1.c3")
	fmt.Println(a == b, a.Equal(b))
	// Output:
	// false true
}

// The file label of a sandbox: what it is, and whose.
func ExampleFileLabel() {
	process, _ := lsm.ParseLabel("system_u:system_r:container_t:s0:c1,c2")
	fmt.Println(lsm.MountOption(lsm.FileLabel(process, "container_file_t")))
	// Output:
	// context="system_u:object_r:container_file_t:s0:c1,c2"
}

// What a kernel cannot enforce is said, and not left out.
func ExampleLower() {
	rules := []lsm.Rule{lsm.ReadOnly("/usr"), lsm.ConnectTCP(443)}
	for _, abi := range []int{2, 3, 4} {
		rs, lost := lsm.Lower(abi, rules...)
		fmt.Printf("version %d: %d path, %d port\n", abi, len(rs.Paths), len(rs.Ports))
		for _, l := range lost {
			fmt.Printf("  lacks %s (Linux %s)\n", l.What, l.Kernel)
		}
	}
	// Output:
	// version 2: 1 path, 0 port
	//   lacks truncation of files (Linux 6.2)
	//   lacks TCP ports (Linux 6.7)
	// version 3: 1 path, 0 port
	//   lacks TCP ports (Linux 6.7)
	// version 4: 1 path, 1 port
}
