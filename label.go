package sandbox

import (
	"strings"

	"github.com/seed-d1379373/sandbox/lsm"
)

// checkLSM checks the form of profiles, labels and rules; what there is only the
// host knows.
func checkLSM(s *settings) {
	if s.named["WithAppArmor"] {
		if err := lsm.CheckProfile(s.AppArmor); err != nil {
			s.fail("WithAppArmor", s.AppArmor, "%v", err)
		}
	}
	if s.SELinuxDisabled && s.named["WithSELinux"] {
		s.fail("WithSELinuxDisabled", "", "contradicts a label")
	}
	if s.named["WithSELinuxMountLabel"] && !s.named["WithSELinux"] {
		s.fail("WithSELinuxMountLabel", s.SELinuxMount, "needs WithSELinux")
	}
	for _, l := range []struct {
		option string
		label  lsm.Label
	}{{"WithSELinux", s.SELinux}, {"WithSELinuxMountLabel", s.SELinuxMount}} {
		if err := l.label.Validate(); err != nil {
			s.fail(l.option, l.label, "%s", strings.TrimPrefix(err.Error(), "lsm: "))
		}
	}
	for _, r := range s.LandlockRules {
		if err := r.Validate(); err != nil {
			s.fail("WithLandlock", r, "%v", err)
		}
	}
}
