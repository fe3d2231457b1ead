package cgroup

import (
	"errors"

	"golang.org/x/sys/unix"
)

// maxDepth bounds a walk to what descriptors allow. Removing has no such bound.
const maxDepth = 64

// eachBelow calls visit with a descriptor of the directory and of every one
// below it.
func eachBelow(fd int, visit func(fd int) error) error { return walk(fd, maxDepth, visit) }

func walk(fd, depth int, visit func(fd int) error) error {
	if err := visit(fd); err != nil {
		return err
	}
	names, err := childDirs(fd)
	if err != nil {
		return &Error{Op: "list", Err: err}
	}
	if len(names) > 0 && depth == 0 {
		return &Error{Op: "list", Cause: "groups are nested too deeply", Err: unix.ELOOP}
	}
	for _, name := range names {
		child, err := openDirAt(fd, name)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return &Error{Op: "open", Path: name, Err: err}
		}
		err = walk(child, depth-1, visit)
		unix.Close(child)
		if err != nil {
			return err
		}
	}
	return nil
}

// removeBelow removes all directories below one, deepest first, with two
// descriptors however deep they are. cgroup directories cannot be moved
// to another parent, so ".." leads back to where the walk came from.
func removeBelow(fs fileSystem, top int) error {
	cur, err := openDirAt(top, ".")
	if err != nil {
		return err
	}
	defer func() { unix.Close(cur) }()
	var trail []string
	for {
		names, err := childDirs(cur)
		if err != nil {
			return err
		}
		if len(names) > 0 {
			next, err := openDirAt(cur, names[0])
			if errors.Is(err, unix.ENOENT) {
				continue
			}
			if err != nil {
				return err
			}
			unix.Close(cur)
			cur = next
			trail = append(trail, names[0])
			continue
		}
		if len(trail) == 0 {
			return nil
		}
		up, err := openDirAt(cur, "..")
		if err != nil {
			return err
		}
		unix.Close(cur)
		cur = up
		name := trail[len(trail)-1]
		trail = trail[:len(trail)-1]
		if err := again(func() error { return fs.rmdir(cur, name) }); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
}
