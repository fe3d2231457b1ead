package namespace_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-d1379373/sandbox/namespace"
)

const dockremap = "alice:100000:65536\ndockremap:5000:10000\n"

func TestSubordinateFrom(t *testing.T) {
	for _, test := range []struct {
		what, text string
		owner      []string
		want       namespace.Ranges
	}{
		{"by name", dockremap, []string{"dockremap"}, namespace.Ranges{{5000, 10000}}},
		{"by number", "1000:100000:65536\n", []string{"1000"}, namespace.Ranges{{100000, 65536}}},
		{"by either", "bob:200:10\n1000:100:10\nroot:900:1\n", []string{"bob", "1000"}, namespace.Ranges{{200, 10}, {100, 10}}},
		{"the same range twice", "bob:200:10\n1000:200:10\n", []string{"bob", "1000"}, namespace.Ranges{{200, 10}}},
		{"neighbours", "alice:100:10\nbob:110:10\ncarol:120:10\n", []string{"bob"}, namespace.Ranges{{110, 10}}},
		{"blank lines and comments", "\n# comment\n\nbob:200:10\n", []string{"bob"}, namespace.Ranges{{200, 10}}},
		{"damaged entries of others", "alice:x:10\ncarol\ndan:5:-3\neve:9223372036854775807:1\nbob:200:10\n", []string{"bob"}, namespace.Ranges{{200, 10}}},
		{"names of directory services", "DOM\\jo.doe@ex-1_a:200:10\n", []string{"DOM\\jo.doe@ex-1_a"}, namespace.Ranges{{200, 10}}},
		{"the highest id", "bob:4294967294:1\n", []string{"bob"}, namespace.Ranges{{4294967294, 1}}},
	} {
		uids, gids, err := namespace.SubordinateFrom(strings.NewReader(test.text), strings.NewReader(test.text), test.owner...)
		if err != nil || !slices.Equal(uids, test.want) || !slices.Equal(gids, test.want) {
			t.Errorf("%s: %v, %v, %v; want %v", test.what, uids, gids, err, test.want)
		}
	}
}

func TestSubordinateFromRefuses(t *testing.T) {
	for _, test := range []struct{ what, text, reason, fix string }{
		{"empty", "", "there is no entry", "usermod --add-subuids 100000-165535 bob"},
		{"no entry", dockremap, "there is no entry", "usermod --add-subuids 165536-231071 bob"},
		{"a longer name", "bobby:100000:65536\n", "there is no entry", "usermod --add-subuids 165536-231071 bob"},
		{"root's id", "bob:0:65536\n", "starts at the id 0", "usermod"},
		{"start not a number", "bob:1e5:65536\n", "not a number", "usermod"},
		{"count not a number", "bob:100000:many\n", "count is not a number", "usermod"},
		{"no count", "bob:100000\n", "count is not a number", "usermod"},
		{"empty range", "bob:100000:0\n", "is empty", "usermod"},
		{"negative", "bob:-5:10\n", "goes past", "usermod"},
		{"negative count", "bob:5:-10\n", "goes past", "usermod"},
		{"past the end", "bob:4294967290:6\n", "goes past", "usermod"},
		{"beyond 64 bits", "bob:1:99999999999999999999\n", "goes past", "usermod"},
		{"overlap with own", "bob:100:10\nbob:105:10\n", `overlaps with "bob:100:10"`, "usermod"},
		{"overlap with another's", "bob:100:10\nalice:109:1\n", `grants ids that "alice:109:1" grants to another`, "usermod"},
		{"overlap with an endless one", "alice:50:9223372036854775807\nbob:100:10\n", "to another", "usermod"},
		{"a full file", "alice:1:4294967290\n", "there is no entry", "add a free range for bob to /etc/subuid"},
		{"too many", manyEntries("bob", 341), "there are 341 entries", ""},
		{"a line without end", "bob:" + strings.Repeat("1", 1<<17), "cannot be read", ""},
	} {
		uids, gids, err := namespace.SubordinateFrom(strings.NewReader(test.text), strings.NewReader("bob:100000:65536\n"), "bob")
		var bad *namespace.SubIDError
		if !errors.As(err, &bad) || uids != nil || gids != nil {
			t.Errorf("%s: %v, %v, %v; want a SubIDError alone", test.what, uids, gids, err)
			continue
		}
		if bad.File != "/etc/subuid" || bad.Owner != "bob" || !strings.Contains(err.Error(), test.reason) || !strings.Contains(bad.Fix, test.fix) {
			t.Errorf("%s: %v; want the reason %q and the fix %q", test.what, err, test.reason, test.fix)
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q is more than one line", test.what, err)
		}
	}
}

func manyEntries(owner string, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%s:%d:1\n", owner, 1000+i)
	}
	return text.String()
}

func TestSubordinateFromReportsBothFiles(t *testing.T) {
	_, _, err := namespace.SubordinateFrom(nil, strings.NewReader(""), "1000")
	want := `/etc/subuid: subordinate ids of "1000": there is no such file; to fix it: add the line 1000:100000:65536 to /etc/subuid
/etc/subgid: subordinate ids of "1000": there is no entry; to fix it: add the line 1000:100000:65536 to /etc/subgid`
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant\n%s", err, want)
	}
	broken := errors.New("broken")
	if _, _, err := namespace.SubordinateFrom(iotest.ErrReader(broken), strings.NewReader(dockremap), "dockremap"); !errors.Is(err, broken) {
		t.Errorf("error of the reader = %v", err)
	}
	if _, _, err := namespace.SubordinateFrom(endless{}, strings.NewReader(dockremap), "dockremap"); err == nil {
		t.Error("an endless file was read")
	}
	for _, owner := range [][]string{nil, {""}, {"bob", ""}, {"-R"}, {"a b"}, {"$(reboot)"}, {"a\n"}, {"a:b"}, {"\xff"}} {
		text := strings.Join(owner, "") + ":5000:1\n"
		if _, _, err := namespace.SubordinateFrom(strings.NewReader(text), strings.NewReader(text), owner...); err == nil {
			t.Errorf("owner %q has ids", owner)
		}
	}
}

// endless is a file of blank lines.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '\n'
	}
	return len(p), nil
}

func TestRemapFrom(t *testing.T) {
	subgid := "dockremap:7000:5\nalice:100000:65536\ndockremap:300000:65536\n"
	uids, gids, err := namespace.RemapFrom(strings.NewReader(dockremap), strings.NewReader(subgid), "dockremap")
	if err != nil {
		t.Fatal(err)
	}
	if want := (namespace.IDMaps{{0, 5000, 10000}}); !slices.Equal(uids, want) {
		t.Errorf("uids = %v, want %v", uids, want)
	}
	if want := (namespace.IDMaps{{0, 7000, 5}, {5, 300000, 65536}}); !slices.Equal(gids, want) {
		t.Errorf("gids = %v, want %v", gids, want)
	}
	if _, _, err := namespace.RemapFrom(strings.NewReader(dockremap), strings.NewReader(""), "dockremap"); err == nil {
		t.Error("RemapFrom succeeded without subordinate group ids")
	}
}

func TestRangesCover(t *testing.T) {
	ranges := namespace.Ranges{{110, 10}, {100, 10}, {200, 1}, {4294967290, 5}}
	for _, test := range []struct {
		r    namespace.Range
		want bool
	}{
		{namespace.Range{100, 20}, true},
		{namespace.Range{105, 10}, true},
		{namespace.Range{119, 1}, true},
		{namespace.Range{200, 1}, true},
		{namespace.Range{4294967294, 1}, true},
		{namespace.Range{99, 2}, false},
		{namespace.Range{119, 2}, false},
		{namespace.Range{100, 101}, false},
		{namespace.Range{4294967294, 2}, false},
		{namespace.Range{0, 4294967295}, false},
	} {
		if got := ranges.Covers(test.r); got != test.want {
			t.Errorf("%v.Covers(%v) = %v", ranges, test.r, got)
		}
	}
	if got := ranges.Count(); got != 26 {
		t.Errorf("Count = %d", got)
	}
}

func TestOwnedBy(t *testing.T) {
	ranges := namespace.Ranges{{100000, 65536}}
	for _, maps := range []namespace.IDMaps{
		{{0, 1000, 1}},
		{{0, 1000, 1}, {1, 100000, 65536}},
		{{0, 165535, 1}},
	} {
		if err := maps.OwnedBy(1000, ranges); err != nil {
			t.Errorf("%v: %v", maps, err)
		}
	}
	for _, test := range []struct {
		maps namespace.IDMaps
		bad  int
	}{
		{namespace.IDMaps{{0, 0, 1}}, 1},
		{namespace.IDMaps{{0, 1000, 2}}, 1},
		{namespace.IDMaps{{0, 100000, 65537}}, 1},
		{namespace.IDMaps{{0, 99999, 2}, {5, 1000, 1}, {6, 1001, 1}}, 2},
	} {
		err := test.maps.OwnedBy(1000, ranges)
		var bad *namespace.IDMapError
		if !errors.As(err, &bad) || strings.Count(err.Error(), "neither the caller's own, 1000,") != test.bad {
			t.Errorf("%v: %v, want %d IDMapErrors", test.maps, err, test.bad)
		}
	}
}

func TestMapCommands(t *testing.T) {
	maps := namespace.IDMaps{{0, 1000, 1}, {1, 100000, 65536}}
	got := strings.Join(append(namespace.Newuidmap(123, maps), namespace.Newgidmap(4, maps[:1])...), " ")
	if want := "newuidmap 123 0 1000 1 1 100000 65536 newgidmap 4 0 1000 1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzSubordinateFrom(f *testing.F) {
	for _, seed := range []string{dockremap, "bob:0:1\n", "bob:1:1\nbob:1:1\n", "bob:9223372036854775807:9223372036854775807\nalice:1:1", "bob:5:\nbob", "bob:1:4294967294\n"} {
		f.Add(seed, "bob")
	}
	f.Add(dockremap, "dockremap")
	f.Fuzz(func(t *testing.T, text, owner string) {
		uids, gids, err := namespace.RemapFrom(strings.NewReader(text), strings.NewReader(text), owner)
		if err != nil {
			if strings.Count(err.Error(), "\n") > 1 {
				t.Fatalf("an error of more than one line: %q", err)
			}
			return
		}
		if err := uids.Validate(); err != nil || !slices.Equal(uids, gids) {
			t.Fatalf("%q for %q: maps %v and %v, %v", text, owner, uids, gids, err)
		}
		if _, ok := uids.ToInside(0); ok {
			t.Fatalf("%q for %q: %v maps the host's root", text, owner, uids)
		}
	})
}
