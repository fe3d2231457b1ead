package namespace_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-d1379373/sandbox/namespace"
)

func ExampleSet() {
	set := namespace.User.With(namespace.Mount | namespace.PID).Without(namespace.PID)
	data, _ := json.Marshal(set)
	fmt.Println(set, set.Has(namespace.Mount), string(data))
	fmt.Printf("unshare(%#x)\n", uint32(set))
	// Output:
	// user,mnt true ["user","mnt"]
	// unshare(0x10020000)
}

func ExampleIDMaps() {
	maps := namespace.IDMaps{
		{Inside: 0, Outside: 1000, Count: 1},
		{Inside: 1, Outside: 100000, Count: 65535},
	}
	outside, ok := maps.ToOutside(33)
	fmt.Println(outside, ok, maps.Validate())
	fmt.Print(maps.Text())

	err := append(maps, namespace.IDMap{Inside: 5, Outside: 500000, Count: 10}).Validate()
	fmt.Println(err)
	// Output:
	// 100032 true <nil>
	// 0 1000 1
	// 1 100000 65535
	// id map: 5:500000:10: overlaps inside with 1:100000:65535
}

// Root inside is the user 5000 outside, who owns nothing on the host.
func ExampleRemapFrom() {
	const entry = "dockremap:5000:10000\n"
	uids, gids, err := namespace.RemapFrom(strings.NewReader(entry), strings.NewReader(entry), "dockremap")
	fmt.Println(uids, gids, err)
	fmt.Println(uids.ToOutside(0))

	_, _, err = namespace.RemapFrom(strings.NewReader("dockremap:0:65536\n"), strings.NewReader(entry), "dockremap")
	fmt.Println(err)
	// Output:
	// 0:5000:10000 0:5000:10000 <nil>
	// 5000 true
	// /etc/subuid: subordinate ids of "dockremap": entry "dockremap:0:65536" starts at the id 0, root's, or its start is not a number; to fix it: delete the entry and run usermod --add-subuids 100000-165535 dockremap
}

func ExampleParseIPC() {
	mode, name, err := namespace.ParseIPC("container:producer")
	fmt.Println(mode == namespace.IPCContainer, name, err)
	_, _, err = namespace.ParseIPC("shared")
	fmt.Println(err)
	// Output:
	// true producer <nil>
	// invalid IPC mode "shared": want private, shareable, host, none or container:NAME
}

func ExampleLookupUser() {
	const passwd = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
	const group = "nogroup:x:65534:\n"
	for _, spec := range []string{"nobody:nogroup", "10000:20000", "carol"} {
		id, err := namespace.LookupUser(spec, strings.NewReader(passwd), strings.NewReader(group))
		fmt.Println(id.UID, id.GID, err)
	}
	// Output:
	// 65534 65534 <nil>
	// 10000 20000 <nil>
	// 0 0 user "carol": the passwd file has no entry for "carol": unable to find user carol: no matching entries in passwd file
}

func ExampleNewuidmap() {
	maps := namespace.IDMaps{{Inside: 0, Outside: 1000, Count: 1}, {Inside: 1, Outside: 100000, Count: 65535}}
	fmt.Println(strings.Join(namespace.Newuidmap(4711, maps), " "))
	// Output: newuidmap 4711 0 1000 1 1 100000 65535
}
