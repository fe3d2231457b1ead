package lsm

import "strings"

// A SELinux is what a host says about SELinux.
type SELinux struct {
	Active    bool  // a policy is loaded
	Enforcing bool  // and denies; a permissive kernel logs and allows
	Levels    bool  // the policy has levels and categories
	Own       Label // of this process
}

// Only the two ends of a container's label are of use for its files: who made
// them, and what they are.
const fileRole = "object_r"

// FileLabel is a label for files that a process with this label is to use: of
// the same user and the low end of its level, with the type.
func FileLabel(process Label, fileType string) Label {
	return Label{User: process.User, Role: fileRole, Type: fileType, Level: lowest(process.Level)}
}

// MountOption is a label as a mount(2) option, for a file system all of whose
// files are to have it.
func MountOption(l Label) string { return `context="` + l.Canonical().String() + `"` }

// parseContexts reads the file in which a distribution says how containers are
// labelled: lines of the form process = "user:role:type:level". It gives the
// type of files for the type of a process.
func parseContexts(text string) map[string]string {
	labels := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, "=")
		if l, err := ParseLabel(strings.Trim(strings.TrimSpace(value), `"`)); ok && err == nil {
			labels[strings.TrimSpace(key)] = l.Type
		}
	}
	types := map[string]string{}
	if file := labels["file"]; file != "" {
		for key, t := range labels {
			if key == "process" || strings.HasSuffix(key, "_process") {
				types[t] = file
			}
		}
	}
	return types
}

// hasFilesystem says whether the text of /proc/filesystems names a file system.
func hasFilesystem(text, name string) bool {
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && f[len(f)-1] == name {
			return true
		}
	}
	return false
}
