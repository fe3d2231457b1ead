package lsm

import (
	"slices"
	"testing"
)

func TestLower(t *testing.T) {
	rules := []Rule{ReadOnly("/usr"), ReadWrite("/data"), BindTCP(80), ConnectTCP(80), ConnectTCP(443), ScopeSignals(), ScopeAbstractSockets()}
	const read = FSExecute | FSReadFile | FSReadDir
	for _, c := range []struct {
		abi    int
		files  FileRights
		net    NetRights
		scoped Scopes
		size   int
		lost   []string
	}{
		{0, 0, 0, 0, 8, []string{"paths", "TCP ports", "scopes"}},
		{1, 0x1fff, 0, 0, 8, []string{"truncation of files", "TCP ports", "scopes"}},
		{2, 0x3fff, 0, 0, 8, []string{"truncation of files", "TCP ports", "scopes"}},
		{3, 0x7fff, 0, 0, 8, []string{"TCP ports", "scopes"}},
		{4, 0x7fff, 3, 0, 16, []string{"scopes"}},
		{5, 0xffff, 3, 0, 16, []string{"scopes"}},
		{6, 0xffff, 3, 3, 24, nil},
		{7, 0xffff, 3, 3, 24, nil},
	} {
		rs, lost := Lower(c.abi, rules...)
		var what []string
		for _, l := range lost {
			what = append(what, l.What)
			if l.ABI <= c.abi || l.Kernel == "" {
				t.Errorf("ABI %d loses %+v", c.abi, l)
			}
		}
		if !slices.Equal(what, c.lost) {
			t.Errorf("ABI %d loses %q", c.abi, what)
		}
		if rs.HandledFiles != c.files || rs.HandledNet != c.net || rs.Scoped != c.scoped || AttrSize(c.abi) != c.size {
			t.Errorf("ABI %d: %#x %#x %#x, size %d", c.abi, rs.HandledFiles, rs.HandledNet, rs.Scoped, AttrSize(c.abi))
		}
		if rs.Empty() != (c.abi == 0) {
			t.Errorf("ABI %d: empty is %v", c.abi, rs.Empty())
		}
		// The kernel takes no right that is not handled.
		for _, p := range rs.Paths {
			if p.Rights&^rs.HandledFiles != 0 || p.Rights == 0 {
				t.Errorf("ABI %d: %+v", c.abi, p)
			}
		}
		if c.abi > 0 && (rs.Paths[0] != PathBeneath{"/usr", read} || rs.Paths[1] != PathBeneath{"/data", c.files &^ (FSMakeChar | FSMakeBlock)}) {
			t.Errorf("ABI %d: paths %+v", c.abi, rs.Paths)
		}
		if c.abi >= 4 && !slices.Equal(rs.Ports, []NetPort{{80, NetBindTCP | NetConnectTCP}, {443, NetConnectTCP}}) {
			t.Errorf("ABI %d: ports %+v", c.abi, rs.Ports)
		}
	}
}

// What no rule is about is not restricted.
func TestLowerRestrictsWhatIsNamed(t *testing.T) {
	const abi = 6
	for _, c := range []struct {
		rule   Rule
		files  FileRights
		net    NetRights
		scoped Scopes
	}{
		{ReadOnly("/"), 0xffff, 0, 0},
		{ReadWrite("/"), 0xffff, 0, 0},
		{BindTCP(0), 0, 3, 0},
		{ConnectTCP(1), 0, 3, 0},
		{ScopeSignals(), 0, 0, ScopeSignal},
		{ScopeAbstractSockets(), 0, 0, ScopeAbstractUnix},
	} {
		rs, lost := Lower(abi, c.rule)
		if rs.HandledFiles != c.files || rs.HandledNet != c.net || rs.Scoped != c.scoped || len(lost) > 0 {
			t.Errorf("%s: %+v, %v", c.rule, rs, lost)
		}
	}
	if rs, lost := Lower(abi); !rs.Empty() || len(lost) > 0 {
		t.Errorf("no rule: %+v, %v", rs, lost)
	}
}

// Rules add up: the same path twice has the rights of both.
func TestLowerAddsUp(t *testing.T) {
	rs, _ := Lower(6, ReadOnly("/a"), ReadWrite("/a"), ReadOnly("/a"))
	if len(rs.Paths) != 1 || rs.Paths[0].Rights&FSWriteFile == 0 {
		t.Errorf("%+v", rs.Paths)
	}
}

func TestRuleValidate(t *testing.T) {
	for _, r := range []Rule{ReadOnly("/"), ReadWrite("/a b"), BindTCP(0), BindTCP(65535), ConnectTCP(1), ScopeSignals(), ScopeAbstractSockets()} {
		if err := r.Validate(); err != nil {
			t.Errorf("%s: %v", r, err)
		}
	}
	for _, r := range []Rule{{}, {Kind: "read"}, ReadOnly(""), ReadOnly("usr"), ReadWrite("/a\x00"), ConnectTCP(0)} {
		if r.Validate() == nil {
			t.Errorf("%+v is allowed", r)
		}
	}
}
