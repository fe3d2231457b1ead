package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// terminal gives the command a pseudo-terminal, and connects the caller's with
// its other end.
func (s *stdio) terminal(interactive bool) error {
	if interactive && !isTerminal(os.Stdin) {
		return errors.New("-i and -t: standard input is no terminal")
	}
	near, far, err := openTerminal()
	if err != nil {
		return err
	}
	s.files = [3]*os.File{far, far, far}
	s.close = append(s.close, far)
	s.undo = append(s.undo, func() { near.Close() })
	s.copy(os.Stdout, near) // until the last who has the far end is gone: EIO
	if !interactive {
		return nil
	}
	restore, err := makeRaw(os.Stdin)
	if err != nil {
		return err
	}
	s.undo = append(s.undo, restore, followSize(os.Stdin, near))
	go io.Copy(near, os.Stdin) // ends with this process
	return nil
}

// openTerminal makes a pseudo-terminal: what is written to one end is typed at
// the other.
func openTerminal() (near, far *os.File, err error) {
	near, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	n, err := unix.IoctlGetInt(int(near.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(near.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		near.Close()
		return nil, nil, err
	}
	return near, far, nil
}

// makeRaw has a terminal pass every key on, so that ^C and ^Z reach the
// command's own one. See cfmakeraw in termios(3).
func makeRaw(f *os.File) (restore func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *before
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag = raw.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, &raw); err != nil {
		return nil, err
	}
	return func() { unix.IoctlSetTermios(fd, unix.TCSETS, before) }, nil
}

// followSize keeps one terminal as large as another.
func followSize(from, to *os.File) (stop func()) {
	update := func() {
		if size, err := unix.IoctlGetWinsize(int(from.Fd()), unix.TIOCGWINSZ); err == nil {
			unix.IoctlSetWinsize(int(to.Fd()), unix.TIOCSWINSZ, size)
		}
	}
	changes := make(chan os.Signal, 1)
	signal.Notify(changes, unix.SIGWINCH)
	update()
	go func() {
		for range changes {
			update()
		}
	}()
	return func() { signal.Stop(changes); close(changes) }
}
