package sandbox

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/launch"
	"github.com/seed-d1379373/sandbox/internal/plan"
	"github.com/seed-d1379373/sandbox/lsm"
)

// labels lowers AppArmor profiles and SELinux labels. They are written to the
// command's own thread, and execve takes them on.
func (p *prepared) labels(s *settings) error {
	if s.AppArmor != "" {
		if err := p.appArmor(s); err != nil {
			return err
		}
	}
	if s.named["WithSELinux"] {
		return p.seLinux(s)
	}
	return nil
}

// appArmorState is what [lsm.AppArmorActive] says, as an entry of a report.
func appArmorState(active bool, err error) (s State, reason, fix string) {
	switch {
	case active:
		return Enforced, "", ""
	case err != nil:
		return Unknown, "it cannot be told whether AppArmor is active: " + err.Error(), "mount sysfs on /sys"
	}
	return Missing, "AppArmor is not active in this kernel", "boot with apparmor=1 security=apparmor"
}

func (p *prepared) appArmor(s *settings) error {
	active, err := lsm.AppArmorActive()
	if state, reason, fix := appArmorState(active, err); state != Enforced {
		switch {
		case scarce(err):
			return err
		case s.AppArmor == lsm.Unconfined:
			p.report.set(FeatureAppArmor, Off, "no profile", "")
			return nil
		}
		return s.lacking(p.report, FeatureAppArmor, reason, fix)
	}
	own, err := lsm.OwnConfinement()
	if err != nil {
		return &SetupError{"read the own AppArmor profile", "", underlying(err)}
	}
	if s.AppArmor == lsm.Unconfined {
		p.report.set(FeatureAppArmor, Off, "no profile but the caller's own: "+own.String(), "")
		return nil
	}
	attr := lsm.AppArmorExec(s.AppArmor, own)
	answer, err := lsm.Try(attr)
	if errors.Is(err, fs.ErrNotExist) && s.AppArmor == lsm.DefaultProfile {
		if answer, err = loadDefaultProfile(attr, own); scarce(err) {
			return err
		} else if err != nil {
			return s.lacking(p.report, FeatureAppArmor, "the profile "+lsm.DefaultProfile+" is not loaded and cannot be: "+err.Error(),
				"run as root with apparmor_parser installed, or load lsm.DefaultProfileText at boot")
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s.lacking(p.report, FeatureAppArmor, "the profile "+s.AppArmor+" is not loaded", "load it with apparmor_parser -r FILE, as root")
	case errors.Is(err, fs.ErrPermission):
		return s.lacking(p.report, FeatureAppArmor, "this process's own profile "+own.Profile+" does not let it enter "+s.AppArmor, "allow change_profile to it there")
	case err != nil:
		return &SetupError{"try the AppArmor profile", s.AppArmor, underlying(err)}
	}
	taken := lsm.ParseConfinement(answer)
	attr.Answer = taken.Profile + " ("
	p.spec.AttrExec = append(p.spec.AttrExec, plan.Attr{Name: "AppArmor profile", File: attr.File, Value: attr.Value, Answer: attr.Answer})
	detail := "profile " + taken.Profile
	if own.Profile != lsm.Unconfined {
		detail += ", stacked on the caller's own " + own.Profile
	}
	if !taken.Enforced() {
		return s.lacking(p.report, FeatureAppArmor, detail+" is in "+taken.Mode+" mode, in which it denies nothing", "set it to enforce mode, with aa-enforce")
	}
	p.report.set(FeatureAppArmor, Enforced, detail, "")
	return nil
}

// loadDefaultProfile loads the library's own profile, which stays, and tries it.
func loadDefaultProfile(attr lsm.Attr, own lsm.Confinement) (answer string, err error) {
	const patience = 30 * time.Second // of a parser on a busy machine
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := lsm.LoadProfile(ctx, lsm.DefaultProfileText(lsm.DefaultProfile, own.Profiles()...)); err != nil {
		return "", err
	}
	return lsm.Try(attr)
}

// seLinux is the label of a sandbox's commands. Each start completes it.
type seLinux struct {
	label       lsm.Label
	sensitivity string    // of the categories that each start allocates; "" for none
	files       lsm.Label // of what is mounted for the command; empty for the kernel's choice
}

// selinuxState is what [lsm.ReadSELinux] says, as an entry of a report.
func selinuxState(host lsm.SELinux, err error) (s State, reason, fix string) {
	switch {
	case !host.Active && err == nil:
		return Missing, "SELinux is not active in this kernel", "boot with security=selinux selinux=1"
	case !host.Active:
		return Unknown, "it cannot be told whether SELinux is active: " + err.Error(), "mount proc on /proc"
	case err != nil:
		return Unknown, "it cannot be told whether SELinux enforces: " + err.Error(), "mount selinuxfs on /sys/fs/selinux"
	case !host.Enforcing:
		return Missing, "SELinux is permissive: it logs and denies nothing", "setenforce 1"
	}
	return Enforced, "", ""
}

func (p *prepared) seLinux(s *settings) error {
	host, err := lsm.ReadSELinux()
	if scarce(err) {
		return err
	}
	if state, reason, fix := selinuxState(host, err); state != Enforced {
		if err := s.lacking(p.report, FeatureSELinux, reason, fix); err != nil || !host.Active {
			return err
		}
	}
	l := &seLinux{label: s.SELinux.Over(host.Own)}
	if s.SELinux.Level == "" && host.Levels {
		l.sensitivity = lsm.Sensitivity(host.Own.Level)
	}
	if err := p.tryLabel(s, l, host.Own); err != nil {
		return err
	}
	if p.selinux == nil { // it may be missing, and is
		return nil
	}
	l.files = s.SELinuxMount
	if l.files.Type == "" {
		// Without an answer the kernel labels what is mounted as it does for
		// everyone.
		l.files.Type, _ = lsm.NewFileType(l.sample())
	}
	if l.files.Type != "" {
		p.spec.StaticLabel = l.staticLabel()
	}
	return nil
}

// tryLabel finds out whether the policy knows a label and gives it to
// programs of this process.
func (p *prepared) tryLabel(s *settings, l *seLinux, own lsm.Label) error {
	label := l.sample()
	_, err := lsm.Try(lsm.SELinuxExec(label))
	switch {
	case errors.Is(err, unix.EINVAL):
		reason := "the policy has no label " + label.String()
		for i, part := range lsm.UnknownParts(label, own) {
			if i == 0 {
				reason += ": not with"
			}
			reason += " " + part
		}
		return s.lacking(p.report, FeatureSELinux, reason, "load a policy that has it, or give another label")
	case errors.Is(err, fs.ErrPermission):
		return s.lacking(p.report, FeatureSELinux, "the policy does not let "+own.String()+" choose labels (process setexec)", "allow it in the policy")
	case err != nil:
		return &SetupError{"try the SELinux label", label.String(), underlying(err)}
	}
	p.selinux = l
	if e, known := p.report.Entry(FeatureSELinux); !known || e.State != Missing { // permissive
		p.report.set(FeatureSELinux, Enforced, "label "+l.template().String(), "")
	}
	return nil
}

// sample is the label with some pair of categories, to ask the policy about.
func (l *seLinux) sample() lsm.Label {
	label := l.label
	if l.sensitivity != "" {
		label.Level = (&lsm.Categories{First: 0, Second: lsm.CategoryCount - 1}).Level(l.sensitivity)
	}
	return label
}

// template is the label before a start has allocated categories.
func (l *seLinux) template() lsm.Label {
	label := l.label
	if l.sensitivity != "" {
		label.Level = l.sensitivity + ":c?,c?"
	}
	return label
}

// staticLabel is the label of files that every start has in common, without
// categories.
func (l *seLinux) staticLabel() string {
	label := l.files.Over(lsm.FileLabel(l.label, l.files.Type))
	label.Level = lsm.Sensitivity(l.label.Level)
	return label.String()
}

// freshLabel is the label of files that belong to a start with this label.
func (l *seLinux) freshLabel(process lsm.Label) string {
	return l.files.Over(lsm.FileLabel(process, l.files.Type)).Canonical().String()
}

// label puts the SELinux label into the spec of a start. A plan, for which
// nothing was allocated, has no numbers of categories.
func (st *start) label(spec *plan.Spec) {
	l := st.prepared.selinux
	if l == nil {
		return
	}
	label := l.template()
	if st.p != nil && st.p.level != "" {
		label.Level = st.p.level
	}
	attr := lsm.SELinuxExec(label)
	spec.AttrExec = append(spec.AttrExec[:len(spec.AttrExec):len(spec.AttrExec)],
		plan.Attr{Name: "SELinux label", File: attr.File, Value: attr.Value, Answer: attr.Answer})
	if l.files.Type != "" {
		spec.FreshLabel = l.freshLabel(label)
	}
}

// labelRefused explains an execve that failed for the sake of a label.
func (st *start) labelRefused(step launch.Step, errno syscall.Errno) error {
	setup := &SetupError{step.Name, step.Path, errno}
	if l := st.prepared.selinux; l != nil && step.Name == "execute" && (errno == unix.EPERM || errno == unix.EACCES) {
		return &UnsupportedError{
			Feature: string(FeatureSELinux),
			Reason:  "execve of " + step.Path + " failed (" + errno.Error() + "), most likely because the policy does not let this process enter " + l.template().String(),
			Fix:     "allow process transition, process2 nnp_transition and nosuid_transition, and file entrypoint; the kernel's audit log names what is missing",
			Err:     setup,
		}
	}
	return nil
}

// takeCategories gives a start its pair of categories, or that of the sandbox
// whose IPC namespace it shares, and with it the files there.
func (r *running) takeCategories(l *seLinux, s *settings) (err error) {
	switch other, joined := s.IPC.(ipcOf); {
	case l == nil:
		return nil
	case l.sensitivity == "":
		r.categories = lsm.HoldCategories(l.label.Level)
		return nil
	case joined && other.categories != nil:
		r.categories, err = other.shareCategories()
	default:
		r.categories, err = lsm.AllocateCategories()
	}
	if err != nil {
		return &SetupError{"allocate SELinux categories", "", err}
	}
	r.level = r.categories.Level(l.sensitivity)
	if e, ok := r.report.Entry(FeatureSELinux); ok && e.State == Enforced {
		label := l.label
		label.Level = r.level
		r.report.set(FeatureSELinux, Enforced, "label "+label.String(), "")
	}
	return nil
}

func (r *running) shareCategories() (*lsm.Categories, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.categories.Share()
}

// lacking is an error unless the feature may be missing.
func (s *settings) lacking(r *Report, f Feature, reason, fix string) error {
	if !s.bestEffort(f) {
		return &UnsupportedError{string(f), reason, fix, nil}
	}
	r.set(f, Missing, reason, fix)
	return nil
}
