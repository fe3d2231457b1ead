package probe

// StaysOpen says why a sandbox without options leaves a probe open; for one that
// it closes the answer is empty.
func StaysOpen(name string) string { return staysOpen[name] }

var staysOpen = map[string]string{}
