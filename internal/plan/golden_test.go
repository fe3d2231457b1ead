package plan

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

var update = flag.Bool("update", false, "write testdata/*.golden anew")

// The listings are the same on every system and architecture. A change of a
// program shows as a change of its listing, to be reviewed:
//
//	go test ./internal/plan -update && git diff internal/plan/testdata
func TestListings(t *testing.T) {
	want := map[string]bool{}
	forEach(t, func(t *testing.T, name string, p *launch.Program) {
		file := filepath.Join("testdata", name+".golden")
		want[file] = true
		got := p.String()
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.ReplaceAll(string(b), "\r\n", "\n"); got != text {
			t.Errorf("differs from %s; see -update in golden_test.go\n%s", file, difference(text, got))
		}
	})
	files, err := filepath.Glob(filepath.Join("testdata", "*.golden"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !want[file] {
			t.Errorf("%s belongs to no program", file)
		}
	}
}

// difference is the first place where two listings part.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			from := max(0, i-3)
			return "after\n" + strings.Join(w[from:i], "\n") + "\n- " + w[i] + "\n+ " + g[i]
		}
	}
	return "one of them ends early"
}

// A spec gives the same program each time and stays as it was.
func TestProgramsAreReproducible(t *testing.T) {
	for name, s := range specs() {
		first, second := s.Program().String(), s.Program().String()
		if first != second {
			t.Errorf("%s: two programs of one spec differ:\n%s", name, difference(first, second))
		}
		s.Execution(5)
		if s.Privileged {
			s.Preparation()
		}
		if again := s.Program().String(); again != first {
			t.Errorf("%s: another program changed the spec", name)
		}
	}
}
