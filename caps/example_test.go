package caps_test

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/seed-d1379373/sandbox/caps"
)

func ExampleParse() {
	c, err := caps.Parse("net_raw")
	fmt.Println(c, uint8(c), err)
	_, err = caps.Parse("CAP_NET_RWA")
	fmt.Println(err)
	// Output:
	// CAP_NET_RAW 13 <nil>
	// capability "CAP_NET_RWA": no such capability (did you mean CAP_NET_RAW?)
}

func ExampleSet() {
	set := caps.Of(caps.NetBindService, caps.Kill).With(caps.Chown).Without(caps.Kill)
	data, _ := json.Marshal(set)
	fmt.Println(set)
	fmt.Println(string(data))
	fmt.Println(set.Has(caps.Kill), set.SubsetOf(caps.Default()))
	// Output:
	// cap_chown,cap_net_bind_service
	// ["CAP_CHOWN","CAP_NET_BIND_SERVICE"]
	// false true
}

// A service that needs one capability, as with --cap-drop all --cap-add
// net_bind_service.
func ExampleChange() {
	set, err := caps.Change{Add: []string{"net_bind_service"}, Drop: []string{"all"}}.Apply(caps.Default())
	fmt.Println(set, err)

	set, err = caps.Change{Drop: []string{"net_raw"}}.Apply(caps.Default())
	fmt.Println(set.Len(), set.Has(caps.NetRaw), err)
	// Output:
	// cap_net_bind_service <nil>
	// 13 false <nil>
}

func ExampleParseStatus() {
	state, err := caps.ParseStatus(strings.NewReader(`Name:	ping
CapInh:	0000000000000000
CapPrm:	0000000000002000
CapEff:	0000000000002000
CapBnd:	00000000a80425fb
CapAmb:	0000000000000000
`))
	fmt.Println(state.Effective, state.Ambient, state.Bounding == caps.Default(), err)
	// Output: cap_net_raw none true <nil>
}
