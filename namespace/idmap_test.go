package namespace_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/namespace"
)

// extents returns n extents of one id each, far apart.
func extents(n int, first uint32) namespace.IDMaps {
	var maps namespace.IDMaps
	for i := range uint32(n) {
		maps = append(maps, namespace.IDMap{Inside: first + 2*i, Outside: first + 2*i, Count: 1})
	}
	return maps
}

func TestIDMapsValidate(t *testing.T) {
	const highest = 1<<32 - 2
	for _, test := range []struct {
		what string
		maps namespace.IDMaps
		want string // part of the error; empty for none
	}{
		{"one id", namespace.IDMaps{{0, 1000, 1}}, ""},
		{"subordinate ids", namespace.IDMaps{{0, 1000, 1}, {1, 100000, 65535}}, ""},
		{"adjacent, in any order", namespace.IDMaps{{10, 110, 10}, {0, 100, 10}}, ""},
		{"the identity of every id", namespace.IDMaps{{0, 0, highest + 1}}, ""},
		{"the highest id", namespace.IDMaps{{highest, highest, 1}}, ""},
		{"most extents", extents(340, 0), ""},
		{"none", nil, "no ids are mapped"},
		{"an empty extent", namespace.IDMaps{{0, 1000, 1}, {5, 5, 0}}, "5:5:0: the count is zero"},
		{"the id that means none, inside", namespace.IDMaps{{highest + 1, 0, 1}}, "the ids inside go past"},
		{"the id that means none, outside", namespace.IDMaps{{0, highest + 1, 1}}, "the ids outside go past"},
		{"past the end inside", namespace.IDMaps{{highest, 0, 2}}, "the ids inside go past"},
		{"past the end outside", namespace.IDMaps{{0, 2, highest}}, "the ids outside go past"},
		{"overlap inside", namespace.IDMaps{{5, 200, 10}, {0, 100, 6}}, "5:200:10: overlaps inside with 0:100:6"},
		{"overlap outside", namespace.IDMaps{{0, 100, 10}, {10, 109, 1}}, "10:109:1: overlaps outside with 0:100:10"},
		{"overlap at the end", namespace.IDMaps{{0, 100, 10}, {10, 0, highest + 1 - 10}}, "overlaps outside"},
		{"one within another", namespace.IDMaps{{0, 100, 100}, {50, 300, 1}}, "overlaps inside"},
		{"the same twice", namespace.IDMaps{{0, 100, 1}, {0, 100, 1}}, "overlaps"},
		{"too many", extents(341, 0), "341 extents"},
		{"too long", extents(340, 1e9), "bytes of text"},
	} {
		err := test.maps.Validate()
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", test.what, err)
			}
			continue
		}
		var bad *namespace.IDMapError
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want an IDMapError with %q", test.what, err, test.want)
		}
	}
}

func TestIDMapsValidateReportsEveryBadExtent(t *testing.T) {
	err := namespace.IDMaps{{0, 0, 0}, {1, 1, 1}, {2, 1<<32 - 1, 1}}.Validate()
	want := "id map: 0:0:0: the count is zero\nid map: 2:4294967295:1: the ids outside go past 4294967294"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestIDMapsLookup(t *testing.T) {
	maps := namespace.IDMaps{{0, 1000, 1}, {1, 100000, 65535}, {70000, 1<<32 - 2, 1}}
	for _, test := range []struct{ inside, outside uint32 }{
		{0, 1000}, {1, 100000}, {65535, 165534}, {70000, 1<<32 - 2},
	} {
		if got, ok := maps.ToOutside(test.inside); !ok || got != test.outside {
			t.Errorf("ToOutside(%d) = %d, %v; want %d", test.inside, got, ok, test.outside)
		}
		if got, ok := maps.ToInside(test.outside); !ok || got != test.inside {
			t.Errorf("ToInside(%d) = %d, %v; want %d", test.outside, got, ok, test.inside)
		}
	}
	for _, inside := range []uint32{65536, 69999, 70001, 1<<32 - 1} {
		if got, ok := maps.ToOutside(inside); ok {
			t.Errorf("ToOutside(%d) = %d", inside, got)
		}
	}
	for _, outside := range []uint32{0, 999, 1001, 99999, 165535, 1<<32 - 1} {
		if got, ok := maps.ToInside(outside); ok {
			t.Errorf("ToInside(%d) = %d", outside, got)
		}
	}
}

func TestIDMapsText(t *testing.T) {
	maps := namespace.IDMaps{{0, 5000, 10000}, {10000, 1<<32 - 2, 1}}
	if got, want := maps.Text(), "0 5000 10000\n10000 4294967294 1\n"; got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
	if got, want := maps.String(), "0:5000:10000,10000:4294967294:1"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	if got := (namespace.IDMaps{}).Text() + namespace.IDMaps(nil).String(); got != "none" {
		t.Errorf("no map is written %q", got)
	}
	data, err := json.Marshal(maps[0])
	if want := `{"inside":0,"outside":5000,"count":10000}`; err != nil || string(data) != want {
		t.Errorf("Marshal = %s, %v; want %s", data, err, want)
	}
}

func TestReadIDMaps(t *testing.T) {
	for _, test := range []struct {
		what, text string
		want       namespace.IDMaps
	}{
		{"no map yet", "", nil},
		{"as the kernel writes it", "         0          0 4294967295\n", namespace.IDMaps{{0, 0, 1<<32 - 1}}},
		{"two lines", "0 1000 1\n1 100000 65535\n", namespace.IDMaps{{0, 1000, 1}, {1, 100000, 65535}}},
		{"an id that the reader has no number for", "0 4294967295 1\n", namespace.IDMaps{{0, 1<<32 - 1, 1}}},
	} {
		got, err := namespace.ReadIDMaps(strings.NewReader(test.text))
		if err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v; want %v", test.what, got, err, test.want)
		}
	}
	for _, text := range []string{"\n", "0 0\n", "0 0 1 1\n", "0 -1 1\n", "a b c\n", "0 4294967296 1\n", extents(341, 0).Text()} {
		got, err := namespace.ReadIDMaps(strings.NewReader(text))
		var bad *namespace.IDMapError
		if !errors.As(err, &bad) || got != nil {
			t.Errorf("ReadIDMaps(%.20q) = %v, %v; want an IDMapError", text, got, err)
		}
	}
}

func TestParseIDMap(t *testing.T) {
	if got, err := namespace.ParseIDMap("0:100000:65536"); err != nil || got != (namespace.IDMap{0, 100000, 65536}) {
		t.Errorf("ParseIDMap = %v, %v", got, err)
	}
	for _, spec := range []string{"", ":", "::", "0:1", "0:1:2:3", "0:0:0", "0:-1:1", "0:1:+1", "0x0:1:1", " 0:1:1", "0:1_0:1", "4294967295:0:1", "0:4294967296:1"} {
		got, err := namespace.ParseIDMap(spec)
		var bad *namespace.IDMapError
		if !errors.As(err, &bad) || got != (namespace.IDMap{}) {
			t.Errorf("ParseIDMap(%q) = %v, %v; want an IDMapError", spec, got, err)
		}
	}
}

func TestSelfOnly(t *testing.T) {
	for _, test := range []struct {
		maps namespace.IDMaps
		want bool
	}{
		{namespace.IDMaps{{0, 1000, 1}}, true},
		{namespace.IDMaps{{1000, 1000, 1}}, true},
		{namespace.IDMaps{{0, 1001, 1}}, false},
		{namespace.IDMaps{{0, 1000, 2}}, false},
		{namespace.IDMaps{{0, 1000, 1}, {1, 1001, 1}}, false},
		{nil, false},
	} {
		if got := test.maps.SelfOnly(1000); got != test.want {
			t.Errorf("%v.SelfOnly(1000) = %v", test.maps, got)
		}
	}
}

func FuzzParseIDMap(f *testing.F) {
	for _, seed := range []string{"0:100000:65536", "4294967294:4294967294:1", "::", "0:0:0", "1:2:3:4", "0:-1:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		m, err := namespace.ParseIDMap(spec)
		if err != nil {
			return
		}
		if err := (namespace.IDMaps{m}).Validate(); err != nil {
			t.Fatalf("ParseIDMap(%q) = %v, which is not valid: %v", spec, m, err)
		}
		if back, err := namespace.ParseIDMap(m.String()); err != nil || back != m {
			t.Fatalf("%q gave %v, written and read again %v, %v", spec, m, back, err)
		}
	})
}

func FuzzReadIDMaps(f *testing.F) {
	for _, seed := range []string{"0 0 4294967295\n", "0 1000 1\n1 100000 65535\n", "\n", "0 0 1 1", "5 5 5\n5 5 5\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := namespace.ReadIDMaps(strings.NewReader(text))
		if err != nil {
			return
		}
		if back, err := namespace.ReadIDMaps(strings.NewReader(maps.Text())); err != nil || !slices.Equal(back, maps) {
			t.Fatalf("%q gave %v, written and read again %v, %v", text, maps, back, err)
		}
		if maps.Validate() != nil {
			return
		}
		for _, m := range maps {
			for _, inside := range []uint32{m.Inside, m.Inside + m.Count - 1} {
				outside, ok := maps.ToOutside(inside)
				if back, okBack := maps.ToInside(outside); !ok || !okBack || back != inside {
					t.Fatalf("%v: %d is %d outside, which is %d inside", maps, inside, outside, back)
				}
			}
		}
	})
}
