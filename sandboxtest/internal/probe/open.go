package probe

// StaysOpen says why a sandbox without options leaves a probe open; for one that
// it closes the answer is empty.
func StaysOpen(name string) string { return staysOpen[name] }

const (
	figures = "programs read it to size themselves, sysinfo(2) tells much of it, and there is no such file by namespace"
	own     = "it is about the sandbox's own mounts, and mountinfo tells it anyway"
)

var staysOpen = map[string]string{
	"proc/loadavg":       figures,
	"proc/meminfo":       figures,
	"proc/stat":          figures,
	"proc/uptime":        figures,
	"proc/zoneinfo":      figures,
	"proc/version":       "uname(2) tells the same, and programs need it",
	"proc/mount-sources": "the kernel names the disk of every mount, and programs need mountinfo",
	"kernel/statmount":   own,
	"kernel/listmount":   own,
	"kernel/trace-child": "debuggers need it; a program that is traced is inside as well, with the same filter",
}
