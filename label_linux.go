package sandbox

import (
	"os"
	"strings"

	"github.com/seed-d1379373/sandbox/internal/plan"
)

// labels lowers AppArmor profiles and SELinux labels. They are written to the
// command's own thread just before execve, which takes them on.
func (p *prepared) labels(s *settings) error {
	if s.AppArmor != "" {
		if err := p.appArmor(s); err != nil {
			return err
		}
	}
	if s.SELinux != (Label{}) {
		return p.seLinux(s)
	}
	return nil
}

func (p *prepared) appArmor(s *settings) error {
	if enabled, err := os.ReadFile("/sys/module/apparmor/parameters/enabled"); err != nil || !strings.HasPrefix(string(enabled), "Y") {
		return s.lacking(p.report, FeatureAppArmor, "AppArmor is not active in this kernel", "boot with apparmor=1 security=apparmor, or leave the profile out")
	}
	attr := "/proc/thread-self/attr/apparmor/exec"
	if _, err := os.Stat(attr); err != nil {
		attr = "/proc/thread-self/attr/exec"
	}
	p.spec.AttrExec = append(p.spec.AttrExec, plan.Attr{Name: "AppArmor profile", Path: attr, Value: "exec " + s.AppArmor})
	p.report.set(FeatureAppArmor, Enforced, "profile "+s.AppArmor, "")
	return nil
}

func (p *prepared) seLinux(s *settings) error {
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err != nil {
		return s.lacking(p.report, FeatureSELinux, "SELinux is not active in this kernel", "boot with security=selinux selinux=1, or leave the label out")
	}
	own, err := os.ReadFile("/proc/self/attr/current")
	if err != nil {
		return &SetupError{"read the own SELinux label", "/proc/self/attr/current", underlying(err)}
	}
	label := s.SELinux.over(strings.TrimRight(string(own), "\x00\n"))
	p.spec.AttrExec = append(p.spec.AttrExec, plan.Attr{Name: "SELinux label", Path: "/proc/thread-self/attr/exec", Value: label})
	p.report.set(FeatureSELinux, Enforced, label, "")
	return nil
}

// over completes a label from the caller's own.
func (l Label) over(own string) string {
	parts := strings.SplitN(own, ":", 4)
	for i, v := range []string{l.User, l.Role, l.Type, l.Level} {
		if v == "" {
			continue
		}
		for len(parts) <= i {
			parts = append(parts, "")
		}
		parts[i] = v
	}
	return strings.Join(parts, ":")
}

// lacking is an error unless the feature may be missing.
func (s *settings) lacking(r *Report, f Feature, reason, fix string) error {
	if !s.bestEffort(f) {
		return &UnsupportedError{string(f), reason, fix, nil}
	}
	r.set(f, Missing, reason, fix)
	return nil
}
