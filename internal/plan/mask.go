package plan

import (
	"strings"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A maskKind is what masks have in common that can share one mount.
type maskKind struct {
	dir  bool
	null string
}

// mask hides a directory behind an empty tmpfs, or a file behind a null
// device. Where the kind is not known, the directory is tried first.
func (b *builder) mask(e Mask, rel string) {
	b.Step("mask", e.Path)
	kind := maskKind{e.Dir, e.Null}
	inProc := b.procRoot != "" && strings.HasPrefix(rel, b.procRoot+"/")
	if first := b.masked[kind]; inProc && first != "" {
		// A mount of what hides the first one, which has the right flags.
		b.Call(launch.Mount, b.Text(first), b.Text(rel), launch.Int(0), launch.Int(msBind), launch.Int(0))
		return
	}
	switch {
	case e.Dir:
		b.maskDir(rel)
	case e.Null != "":
		b.maskFile(e.Null, rel)
	default:
		asFile, done := b.NewLabel("mask as a file"), b.NewLabel("masked")
		b.maskDir(rel).On(enotdir, asFile)
		b.Jump(done)
		b.Place(asFile)
		b.maskFile("/dev/null", rel)
		b.Place(done)
	}
	if inProc && kind != (maskKind{}) {
		b.masked[kind] = rel
	}
}

// maskDir mounts an empty tmpfs, and returns the call that opens the place.
func (b *builder) maskDir(rel string) *launch.Instr {
	fd := b.Cell("masked", -1)
	how := b.words("open_how", oPath|oCloexec, 0, resolveInRoot|resolveNoMagic)
	open := b.Call(launch.Openat2, b.root, b.Text(rel+"/."), how, launch.Int(openHowSize)).Into(fd)
	b.Call(launch.Fchdir, fd)
	b.Call(launch.Mount, b.Text("tmpfs"), b.Text("."), b.Text("tmpfs"), launch.Int(msRdonly|msNosuid|msNodev|msNoexec), b.Text("size=4k,nr_inodes=1,mode=0555"))
	b.Call(launch.Fchdir, b.root)
	b.Call(launch.Close, fd)
	return open
}

// maskFile mounts a null device of the view.
func (b *builder) maskFile(null, rel string) {
	tree := b.Cell("null", -1)
	b.openTree(tree, b.root, relative(null))
	b.setattr(tree, ReadOnly|NoSuid|NoExec, 0)
	b.attach(tree, rel)
}
