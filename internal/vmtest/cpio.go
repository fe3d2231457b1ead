package vmtest

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// Types of file in the mode of a cpio record, as in stat(2).
const (
	cpioDir  = 0o040000
	cpioFile = 0o100000
	cpioLink = 0o120000
)

// archive writes a cpio archive in the "newc" format, the one that the kernel
// unpacks as initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
// The first error sticks and is given by close. Directories that lead to a
// file are made on the way.
type archive struct {
	w     io.Writer
	n     int64 // bytes written; every record starts at a multiple of 4
	inode int
	made  map[string]bool
	err   error
}

func newArchive(w io.Writer) *archive { return &archive{w: w, made: map[string]bool{".": true}} }

func (a *archive) write(b []byte) {
	if a.err == nil {
		var n int
		n, a.err = a.w.Write(b)
		a.n += int64(n)
	}
}

func (a *archive) align() {
	if over := a.n % 4; over != 0 {
		a.write(make([]byte, 4-over))
	}
}

// header starts a record; size bytes of content and an align must follow.
func (a *archive) header(name string, mode uint32, size int64) {
	if size >= 1<<32 && a.err == nil {
		a.err = fmt.Errorf("%s: %d bytes are too many for a cpio archive", name, size)
	}
	a.inode++
	// Magic; inode, mode, uid, gid, links, mtime, size, device and special
	// device by major and minor number, length of the name, checksum.
	a.write(fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name))
	a.align()
}

func (a *archive) dir(name string) {
	if name = clean(name); !a.made[name] {
		a.dir(path.Dir(name))
		a.made[name] = true
		a.header(name, cpioDir|0o755, 0)
	}
}

func (a *archive) file(name string, perm fs.FileMode, content []byte) {
	name = clean(name)
	a.dir(path.Dir(name))
	a.header(name, cpioFile|uint32(perm.Perm()), int64(len(content)))
	a.write(content)
	a.align()
}

func (a *archive) symlink(name, target string) {
	name = clean(name)
	a.dir(path.Dir(name))
	a.header(name, cpioLink|0o777, int64(len(target)))
	a.write([]byte(target))
	a.align()
}

// copy adds a file of this machine.
func (a *archive) copy(name, source string) {
	if a.err != nil {
		return
	}
	content, err := os.ReadFile(source)
	if err != nil {
		a.err = err
		return
	}
	st, err := os.Stat(source)
	if err != nil {
		a.err = err
		return
	}
	a.file(name, st.Mode(), content)
}

// tree adds a directory of this machine, without the entries that skip names.
func (a *archive) tree(name, source string, skip func(rel string, d fs.DirEntry) bool) {
	if a.err != nil {
		return
	}
	err := filepath.WalkDir(source, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(source, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		switch to := path.Join(name, rel); {
		case rel != "." && skip(rel, d):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.IsDir():
			a.dir(to)
		case d.Type() == fs.ModeSymlink:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			a.symlink(to, target)
		case d.Type().IsRegular():
			a.copy(to, p)
		}
		return a.err
	})
	if a.err == nil {
		a.err = err
	}
}

func (a *archive) close() error {
	a.header("TRAILER!!!", 0, 0)
	return a.err
}

// clean is the name as the archive has it: relative, "." for the root.
func clean(name string) string { return path.Clean("./" + path.Clean("/"+name)) }
