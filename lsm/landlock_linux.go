package lsm

import (
	"errors"

	"golang.org/x/sys/unix"
)

// LandlockABI is this kernel's version of Landlock. The error says why there is
// none.
func LandlockABI() (int, error) {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch errno {
	case 0:
		return int(abi), nil
	case unix.ENOSYS:
		return 0, errors.New("the kernel was built without it or is older than 5.13")
	case unix.EOPNOTSUPP:
		return 0, errors.New("it is not in the kernel's list of active LSMs (lsm= on the command line)")
	}
	return 0, errno
}
