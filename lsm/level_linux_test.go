package lsm

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/opencontainers/selinux/go-selinux"
)

// Levels are written as opencontainers/selinux writes them: the overlap of a
// level with itself is that level.
func TestLevelsAgreeWithOpencontainers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var list []string
		for range 1 + random.IntN(6) {
			first := random.IntN(40)
			list = append(list, fmt.Sprintf("c%d", first))
			if random.IntN(3) == 0 {
				list[len(list)-1] += fmt.Sprintf(".c%d", first+random.IntN(6))
			}
		}
		level := "s" + fmt.Sprint(random.IntN(3)) + ":" + strings.Join(list, ",")
		want, err := selinux.CalculateGlbLub(level, level)
		if err != nil {
			t.Fatal(err)
		}
		if got := canonicalLevel(level); got != want {
			t.Errorf("%s: %s, want %s", level, got, want)
		}
	}
}

func TestLabelsAgreeWithOpencontainers(t *testing.T) {
	for _, text := range []string{"system_u:system_r:container_t:s0:c1,c2", "u:r:t", "u:r:t:s0-s15:c0.c1023"} {
		theirs, err := selinux.NewContext(text)
		if err != nil {
			t.Fatal(err)
		}
		ours, err := ParseLabel(text)
		if err != nil || ours != (Label{theirs["user"], theirs["role"], theirs["type"], theirs["level"]}) || ours.String() != theirs.Get() {
			t.Errorf("%s: %+v, %v; theirs %v", text, ours, err, theirs)
		}
	}
}
