package lsm

import (
	"strings"
	"testing"
)

func TestParseLabel(t *testing.T) {
	for text, want := range map[string]Label{
		"system_u:system_r:container_t:s0:c1,c2":                      {"system_u", "system_r", "container_t", "s0:c1,c2"},
		"system_u:system_r:container_t:s0:c1,c2\x00":                  {"system_u", "system_r", "container_t", "s0:c1,c2"},
		"unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\n\x00": {"unconfined_u", "unconfined_r", "unconfined_t", "s0-s0:c0.c1023"},
		"u:r:t": {"u", "r", "t", ""},
	} {
		l, err := ParseLabel(text)
		if err != nil || l != want {
			t.Errorf("%q: %+v, %v", text, l, err)
		}
		if l.String() != strings.TrimRight(text, "\n\x00") {
			t.Errorf("%q became %q", text, l)
		}
	}
	for _, text := range []string{"", "unconfined", "kernel", "a:b", "a::c", ":b:c", "a:b:c:", "a b:c:d", "a:b:c\nd:s0", "a:b:c:s0 x", `a:b:c"d`, ":ns://profile (enforce)", "a:b:c:" + strings.Repeat("c", 5000)} {
		if l, err := ParseLabel(text); err == nil {
			t.Errorf("%.40q is %+v", text, l)
		}
	}
}

func TestLabelOver(t *testing.T) {
	own := Label{"u", "r", "t", "s0-s0:c0.c1023"}
	for _, c := range []struct{ given, want Label }{
		{Label{}, own},
		{Label{Type: "svirt_t"}, Label{"u", "r", "svirt_t", "s0-s0:c0.c1023"}},
		{Label{Level: "s0:c1"}, Label{"u", "r", "t", "s0:c1"}},
		{Label{"a", "b", "c", "d"}, Label{"a", "b", "c", "d"}},
	} {
		if got := c.given.Over(own); got != c.want {
			t.Errorf("%+v: %+v", c.given, got)
		}
	}
}

func TestLabelsAreComparedByPart(t *testing.T) {
	base := Label{"u", "r", "t", "s0:c0.c2"}
	for level, want := range map[string]bool{
		"s0:c0,c1,c2": true, "s0:c2,c0,c1": true, "s0:c0.c1,c2": true, "s0:c0.c2-s0:c0.c2": true, "s0:c0,c0,c1,c2": true,
		"s0:c0.c3": false, "s0": false, "s1:c0.c2": false, "s0:c0.c2-s1:c0.c2": false, "": false,
	} {
		other := base
		other.Level = level
		if base.Equal(other) != want {
			t.Errorf("%s and %s: %v", base, other, !want)
		}
	}
	for _, other := range []Label{{"x", "r", "t", "s0:c0.c2"}, {"u", "x", "t", "s0:c0.c2"}, {"u", "r", "x", "s0:c0.c2"}} {
		if base.Equal(other) {
			t.Errorf("%s equals %s", base, other)
		}
	}
}

func TestSELinuxExec(t *testing.T) {
	a := SELinuxExec(Label{"u", "r", "t", "s0:c7,c3"})
	if a != (Attr{"exec", "u:r:t:s0:c3,c7", "u:r:t:s0:c3,c7\x00"}) {
		t.Errorf("%+v", a)
	}
}

func TestFileLabel(t *testing.T) {
	l := FileLabel(Label{"system_u", "system_r", "container_t", "s0:c1,c2-s1:c0.c9"}, "container_file_t")
	if l != (Label{"system_u", "object_r", "container_file_t", "s0:c1,c2"}) {
		t.Errorf("%+v", l)
	}
}

func TestParseContexts(t *testing.T) {
	text := `
# a comment
process = "system_u:system_r:container_t:s0"
content = "system_u:object_r:virt_var_lib_t:s0"
file = "system_u:object_r:container_file_t:s0"
ro_file="system_u:object_r:container_ro_file_t:s0"
sandbox_kvm_process = "system_u:system_r:svirt_qemu_net_t:s0"
init_process = "system_u:system_r:container_init_t:s0"
odd
broken_process = "x"
`
	got := parseContexts(text)
	for process, want := range map[string]string{
		"container_t": "container_file_t", "container_init_t": "container_file_t", "svirt_qemu_net_t": "container_file_t",
		"virt_var_lib_t": "", "container_file_t": "", "x": "",
	} {
		if got[process] != want {
			t.Errorf("%s: %q, want %q", process, got[process], want)
		}
	}
	if n := len(parseContexts(`process = "a:b:c:s0"`)); n != 0 {
		t.Errorf("%d types without a type of files", n)
	}
}

// Whatever is read, what comes out reads the same again.
func FuzzParseLabel(f *testing.F) {
	for _, s := range []string{"system_u:system_r:container_t:s0:c1,c2", "a:b:c", "a:b:c:s0-s15:c0.c1023", "::::", "a:b:c:s0:c5.c1", "a:b:c:s0:c00001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLabel(s)
		if err != nil {
			return
		}
		again, err := ParseLabel(l.String())
		if err != nil || again != l {
			t.Fatalf("%q: %+v, then %+v, %v", s, l, again, err)
		}
		c := l.Canonical()
		if !c.Equal(l) || c.Canonical() != c {
			t.Fatalf("%q: canonical %q, then %q", s, c, c.Canonical())
		}
	})
}
