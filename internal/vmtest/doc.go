// Package vmtest runs this module's own test binaries in virtual machines,
// so that what the development machine's kernel lacks is tested for real:
// pure cgroup v2, AppArmor, SELinux, Landlock, a systemd user session, arm64.
//
//	go run ./internal/vmtest/cmd                    // the whole matrix
//	go run ./internal/vmtest/cmd -list              // its rows
//	go run ./internal/vmtest/cmd -rows 'arm64*' -packages caps,seccomp -v
//
// # How it works
//
// For each [Row] the runner builds the tests with CGO_ENABLED=0, packs them
// with a static busybox and the kernel's disk modules into an initramfs, and
// starts qemu in software emulation (no KVM needed). The guest's root file
// system is a Debian minbase on a virtual disk, opened as a snapshot: each
// guest starts from the same state and a few seconds after power-on. The tests
// write to a second serial port. A line that carries a random nonce, which an
// ordinary user in the guest cannot read, ends each package with its exit
// status, and one more ends the run: without that last line the row has
// failed, whatever qemu's own exit status is.
//
// Everything comes from Debian's archive, through apt and debootstrap, and is
// kept in $XDG_CACHE_HOME/sandbox-vmtest or else in .cache/vmtest below the
// module. The first run needs root, to build the disks; later runs do not.
//
// # Skips
//
// A test that cannot run where it is says so with
//
//	t.Skip("needs FEATURE: why")
//
// where FEATURE is one of the names in [Features]. A row lists the features
// that it promises, and there such a skip is a failure. A skip whose reason
// names no known feature is shown in the table as unexplained, and with
// -strict it is a failure too.
package vmtest
