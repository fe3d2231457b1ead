package lsm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/sys/unix"
)

// Categories is a pair of SELinux categories that no other holder has. Neither
// of two different pairs contains the other, so that under a policy with
// category constraints (MCS) a process of one reaches nothing of another.
type Categories struct {
	First, Second int
	lock          *os.File
}

// AllocateCategories takes a random pair of c0 to c1023 that nobody holds.
//
// A pair is held by the name of an abstract Unix socket (unix(7)), which the
// kernel gives to one holder in a network namespace and takes back when the
// holder ends, however it ends. So it is kept apart from pairs of all programs that
// use this package in the same network namespace. Other programs, such as
// container engines, take pairs at random without a word; there are half a
// million.
func AllocateCategories() (*Categories, error) {
	const tries = 1 << 12
	for range tries {
		a, b := rand.IntN(CategoryCount), rand.IntN(CategoryCount)
		if a == b {
			continue
		}
		c, err := hold(min(a, b), max(a, b))
		if !errors.Is(err, unix.EADDRINUSE) {
			return c, err
		}
	}
	return nil, errors.New("lsm: no pair of categories is free")
}

// HoldCategories holds the pair of a level that somebody has chosen, so that it
// is not allocated to others meanwhile. It returns nil for a level that is no
// pair, and for a pair that is held already.
func HoldCategories(level string) *Categories {
	first, second, ok := pairOf(level)
	if !ok {
		return nil
	}
	c, _ := hold(first, second)
	return c
}

func hold(first, second int) (*Categories, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("lsm: hold categories: %w", err)
	}
	name := fmt.Sprintf("@sandbox/selinux/c%d,c%d", first, second)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("lsm: hold categories: %w", err)
	}
	return &Categories{first, second, os.NewFile(uintptr(fd), name)}, nil
}

// Level is the level with these categories.
func (c *Categories) Level(sensitivity string) string {
	return fmt.Sprintf("%s:c%d,c%d", sensitivity, c.First, c.Second)
}

// Share returns one more holder of the same pair. It is free when all have
// closed it.
func (c *Categories) Share() (*Categories, error) {
	fd, err := unix.FcntlInt(c.lock.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("lsm: share categories: %w", err)
	}
	return &Categories{c.First, c.Second, os.NewFile(uintptr(fd), c.lock.Name())}, nil
}

// Close gives the pair back. It may be called on nil and more than once.
func (c *Categories) Close() error {
	if c == nil {
		return nil
	}
	err := c.lock.Close()
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
