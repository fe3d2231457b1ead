package sandbox_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/lsm"
)

// says tells whether a file of the kernel is there and begins with a text.
func says(file, text string) bool {
	b, err := os.ReadFile(file)
	return err == nil && strings.HasPrefix(string(b), text)
}

// Whether AppArmor and SELinux are there and enforced stands in the report of a
// probe, in its text and in its JSON form, as the kernel's own files have it.
func TestProbeTellsOfAppArmorAndSELinux(t *testing.T) {
	report := sandbox.Probe()
	b, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON struct {
		Features []struct{ Feature, State, Detail, Fix string }
	}
	if err := json.Unmarshal(b, &fromJSON); err != nil {
		t.Fatal(err)
	}
	for feature, enforced := range map[sandbox.Feature]bool{
		sandbox.FeatureAppArmor: says("/sys/module/apparmor/parameters/enabled", "Y"),
		sandbox.FeatureSELinux:  says("/sys/fs/selinux/enforce", "1"),
	} {
		e, want := entry(t, report, feature), sandbox.Missing
		if enforced {
			want = sandbox.Enforced
		}
		if e.State != want || e.Detail == "" || (e.Fix == "") != enforced {
			t.Errorf("%+v; want the state %v, with a reason, and what would help only if it is missing", e, want)
		}
		line := strings.Join([]string{string(feature), want.String(), e.Detail}, " ")
		if text := strings.Join(strings.Fields(report.String()), " "); !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, report)
		}
		found := false
		for _, f := range fromJSON.Features {
			found = found || f.Feature == string(feature) && f.State == want.String() && f.Detail == e.Detail && f.Fix == e.Fix
		}
		if !found {
			t.Errorf("no %+v in %s", e, b)
		}
	}
}

// The probe says how this process itself is confined.
func TestProbeTellsOfOwnLabel(t *testing.T) {
	report, own := sandbox.Probe(), ""
	var e sandbox.Entry
	if active, _ := lsm.AppArmorActive(); active {
		confinement, err := lsm.OwnConfinement()
		if err != nil {
			t.Fatal(err)
		}
		e, own = entry(t, report, sandbox.FeatureAppArmor), confinement.String()
	} else {
		e, own = entry(t, report, sandbox.FeatureSELinux), needSELinux(t).Own.String()
	}
	if want := "; this process: " + own; !strings.HasSuffix(e.Detail, want) {
		t.Errorf("%+v; want a detail with %q", e, want)
	}
}
