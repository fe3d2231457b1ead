package probe

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/seed-d1379373/sandbox/internal/attempt"
)

func inherited() []Probe {
	return []Probe{
		{"inherited/environment", "find the host program's environment", "environ(7): secrets", Plain,
			func(f *Facts) error { return holds(os.Getenv(f.Variable) == f.Word, "not set") }},
		{"inherited/directory", "use a directory that the host program holds open", "CVE-2024-21626", Plain, func(f *Facts) error {
			return f.readCanary(fmt.Sprintf("/proc/self/fd/%d/%s", f.Directory, filepath.Base(f.Canary)))
		}},
		{"inherited/directory-at", "the same by openat(2)", "CVE-2024-21626", Plain, func(f *Facts) error {
			return attempt.Closing(unix.Openat(f.Directory, filepath.Base(f.Canary), unix.O_RDONLY|unix.O_CLOEXEC, 0))
		}},
		{"inherited/file", "write to a file that the host program holds open", "CVE-2016-9962: descriptors of the runtime", Plain, func(f *Facts) error {
			var outside, held unix.Stat_t
			if err := unix.Fstat(f.File, &held); err != nil {
				return err
			}
			if unix.Stat(f.Canary, &outside) == nil && outside.Ino != held.Ino {
				return errHidden
			}
			_, err := unix.Pwrite(f.File, []byte(f.Word), 0)
			return err
		}},
		{"inherited/working-directory", "be in the host program's working directory", "CVE-2024-21626", Plain,
			func(f *Facts) error { return f.readCanary(filepath.Base(f.Canary)) }},
		{"inherited/signals", "have a signal ignored as the host program has it", "execve(2): ignored signals stay so", Plain,
			always(func() error { return holds(signal.Ignored(unix.SIGHUP), "SIGHUP has its default action") })},
		{"inherited/umask", "have the host program's umask of 0", "umask(2): files that everyone may write", Plain, always(func() error {
			mask := unix.Umask(0)
			return holds(mask == 0, "%03o", mask)
		})},
		{"inherited/personality", "have the host program's personality, without address space randomisation", "personality(2)", Plain, always(func() error {
			b, err := os.ReadFile("/proc/self/personality")
			if err != nil {
				return err
			}
			var bits int
			if _, err := fmt.Sscanf(string(b), "%x", &bits); err != nil {
				return err
			}
			return holds(bits&attempt.NoRandomAddresses != 0, "%08x", bits)
		})},
	}
}
