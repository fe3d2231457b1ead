package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

const (
	msRdonly  = 0x1
	msNosuid  = 0x2
	msNodev   = 0x4
	msNoexec  = 0x8
	msRec     = 0x4000
	msBind    = 0x1000
	msPrivate = 0x40000

	fsconfigSetString = 1
	fsconfigCreate    = 6

	openTreeClone   = 1
	openTreeCloexec = oCloexec
	moveMountEmpty  = 0x4 // MOVE_MOUNT_F_EMPTY_PATH
	mntDetach       = 2
	resolveInRoot   = 0x10
	resolveNoMagic  = 0x02
	resolveNoLinks  = 0x04
	eagain          = 11
	modeChar        = 0o020000
	modeBlock       = 0o060000
	rootSize        = "8m"
	rootFiles       = "4096"
	mountAttrSize   = 32
	openHowSize     = 24
)

// view builds the new file tree and makes it the root.
func (b *builder) view() {
	v := b.spec.View
	if !b.spec.Namespaces.Mount {
		return
	}
	if b.spec.Prepared != 0 {
		b.openHostRoot() // the prepared one
		for _, e := range v.Static {
			b.remember(e)
		}
		b.entries(v.Entries, b.spec.FreshLabel)
		b.Call(launch.Chdir, b.Text("/"))
		b.Call(launch.Close, b.root)
		return
	}
	b.Step("make mounts private", "/")
	b.Call(launch.Mount, launch.Int(0), b.Text("/"), launch.Int(0), launch.Int(msRec|msPrivate), launch.Int(0))
	confined := v.inForeignTrees()
	if confined {
		b.openBinds(v.Static)
	}
	b.openBinds(v.Entries) // before the new root is there: a copy of "/" would have it on top
	if v.Root.Host {
		b.openHostRoot()
	} else {
		b.openRoot()
	}
	release := func() {}
	if confined {
		release = b.confine()
	}
	b.entries(v.Static, b.spec.StaticLabel)
	b.entries(v.Entries, b.spec.FreshLabel)
	release()
	if v.ReadOnly {
		b.Step("make the root read-only", "/")
		b.setattr(b.root, ReadOnly, 0)
	}
	if v.Root.Host {
		return
	}
	b.Step("enter the new root", "/")
	dot := b.Text(".")
	b.Call(launch.Fchdir, b.root)
	b.Call(launch.PivotRoot, dot, dot)
	b.Call(launch.Umount2, dot, launch.Int(mntDetach))
	b.Call(launch.Chdir, b.Text("/"))
	b.Call(launch.Close, b.root)
}

// inForeignTrees says whether something is made by its name below a directory
// that others may change: in a root file system of the caller's own, or in a bind.
func (v *View) inForeignTrees() bool {
	if v.Root.Source != "" {
		return true
	}
	if v.Root.Host {
		return false
	}
	all := slices.Concat(v.Static, v.Entries)
	return slices.ContainsFunc(all, func(e Entry) bool {
		_, made := e.(Tmpfs)
		return made && slices.ContainsFunc(all, func(other Entry) bool {
			bind, ok := other.(Bind)
			return ok && strings.HasPrefix(e.path(), bind.Path+"/")
		})
	})
}

// confine makes the new root the process's own while names are used in it: a
// link that somebody puts in a name's way leads nowhere else then. What lies
// outside has been opened.
func (b *builder) confine() (release func()) {
	b.Step("work within the new root", "/")
	old := b.Cell("old root", -1)
	dot := b.Text(".")
	b.Call(launch.Openat, launch.Int(atFDCWD), b.Text("/"), launch.Int(oPath|oCloexec), launch.Int(0)).Into(old)
	b.Call(launch.Chroot, dot)
	return func() {
		b.Step("leave the new root", "/") // pivot_root(2) wants the old one
		b.Call(launch.Fchdir, old)
		b.Call(launch.Chroot, dot)
		b.Call(launch.Close, old)
		b.Call(launch.Fchdir, b.root)
	}
}

// entries carries records out. The label is that of files in file systems that
// are made on the way.
func (b *builder) entries(list []Entry, label string) {
	for _, e := range list {
		b.entry(e, label)
	}
}

// openTrees opens what the later entries bind and that cannot be reached any
// more then: what lies in another mount namespace, and with a prepared one,
// what lies in the host's. It leaves the process in the prepared namespace.
func (b *builder) openTrees() {
	s := b.spec
	if s.Prepared != 0 {
		b.openBinds(s.View.Entries)
	}
	foreign := slices.ContainsFunc(s.View.Entries, func(e Entry) bool {
		bind, ok := e.(Bind)
		return ok && bind.From != 0
	})
	back := launch.Arg(launch.Int(s.Prepared))
	if foreign && s.Prepared == 0 {
		b.Step("open the host's mount namespace", "/proc/self/ns/mnt")
		own := b.Cell("own mount namespace", -1)
		b.Call(launch.Openat, launch.Int(atFDCWD), b.Text("/proc/self/ns/mnt"), launch.Int(oCloexec), launch.Int(0)).Into(own)
		back = own
	}
	for _, e := range s.View.Entries {
		if bind, ok := e.(Bind); ok && bind.From != 0 {
			b.Step("enter the mount namespace of the shared "+bind.Source, "")
			b.Call(launch.Setns, launch.Int(bind.From), launch.Int(cloneNewNS))
			b.Step("bind the shared "+bind.Source, bind.Path)
			b.trees[bind] = b.openBind(bind)
		}
	}
	if foreign || s.Prepared != 0 {
		b.Step("enter the mount namespace to copy", "")
		b.Call(launch.Setns, back, launch.Int(cloneNewNS))
	}
}

// openBinds opens what entries bind of the host.
func (b *builder) openBinds(list []Entry) {
	for _, e := range list {
		if bind, ok := e.(Bind); ok && bind.From == 0 {
			b.Step("bind "+bind.Source, bind.Path)
			b.trees[bind] = b.openBind(bind)
		}
	}
}

// openHostRoot works on the host's own tree.
func (b *builder) openHostRoot() {
	b.Step("open the root", "/")
	b.Call(launch.Openat, launch.Int(atFDCWD), b.Text("/"), launch.Int(oPath|oCloexec), launch.Int(0)).Into(b.root)
	b.Call(launch.Fchdir, b.root)
}

// openRoot mounts the new root over the old one, where it stays out of the
// way of every path that is yet to be opened: the process's root directory
// still is the old one.
func (b *builder) openRoot() {
	r := b.spec.View.Root
	if r.Source != "" {
		b.Step("bind the root", r.Source)
		b.openTree(b.root, launch.Int(atFDCWD), r.Source)
		b.setattr(b.root, r.Flags, atRecursive)
	} else {
		b.Step("mount the root", "tmpfs")
		fs := b.Cell("tmpfs", -1)
		b.Call(launch.Fsopen, b.Text("tmpfs"), launch.Int(1)).Into(fs)
		for _, o := range labelled([]Option{{"size", rootSize}, {"nr_inodes", rootFiles}, {"mode", "0755"}}, b.spec.StaticLabel) {
			b.Call(launch.Fsconfig, fs, launch.Int(fsconfigSetString), b.Text(o.Name), b.Text(o.Value), launch.Int(0))
		}
		b.Call(launch.Fsconfig, fs, launch.Int(fsconfigCreate), launch.Int(0), launch.Int(0), launch.Int(0))
		b.Call(launch.Fsmount, fs, launch.Int(1), launch.Int(NoSuid)).Into(b.root)
		b.Call(launch.Close, fs)
	}
	b.Call(launch.MoveMount, b.root, b.Text(""), launch.Int(atFDCWD), b.Text("/"), launch.Int(moveMountEmpty))
	b.Call(launch.Fchdir, b.root)
}

// entry emits one record.
func (b *builder) entry(e Entry, label string) {
	rel := relative(e.path())
	b.parents(rel)
	switch e := e.(type) {
	case Dir:
		b.Step("make directory", e.Path)
		b.Call(launch.Mkdirat, b.root, b.Text(rel), launch.Int(e.Mode)).Ignore(eexist)
		b.made[rel] = true
	case Symlink:
		b.Step("make symbolic link", e.Path)
		b.Call(launch.Symlinkat, b.Text(e.Target), b.root, b.Text(rel))
	case File:
		b.Step("write file", e.Path)
		b.writeFile(b.root, rel, oWronly|oCreat|oExcl, e.Mode, e.Content)
	case Node:
		b.node(e, rel)
	case Bind:
		b.bind(e, rel)
	case Tmpfs:
		b.tmpfs(e, rel, label)
	case Filesystem:
		b.Step("mount "+e.Type, e.Path)
		if e.Type == "devpts" { // the other kinds take no label
			e.Options = labelled(e.Options, label)
		}
		b.mount(rel, e.Type, e.Flags, options(e.Options))
		if e.Type == "proc" {
			b.procRoot = rel
			b.keepProc(rel)
		}
	case Mask:
		b.mask(e, rel)
	case Protect:
		b.protect(e, rel)
	default:
		panic(fmt.Sprintf("plan: no such entry: %T", e))
	}
}

// remember notes what a static entry of a prepared view has made.
func (b *builder) remember(e Entry) {
	rel := relative(e.path())
	switch e.(type) {
	case Dir, Tmpfs:
		b.made[rel] = true
	case Bind, Symlink:
		b.made[rel] = false
	}
	for parent := path.Dir(rel); parent != "." && parent != "/"; parent = path.Dir(parent) {
		if _, known := b.made[parent]; !known {
			b.made[parent] = true
		}
	}
}

// parents makes the missing directories above rel, as far as they lie in a
// tmpfs of the view. Elsewhere they must exist.
func (b *builder) parents(rel string) {
	parent := path.Dir(rel)
	if _, known := b.made[parent]; parent == "." || known {
		return
	}
	b.parents(parent)
	if b.made[path.Dir(parent)] {
		b.Step("make directory", "/"+parent)
		b.Call(launch.Mkdirat, b.root, b.Text(parent), launch.Int(0o755)).Ignore(eexist)
		b.made[parent] = true
	}
}

// A place is where something is mounted: a path beneath a descriptor, or with
// an empty path the descriptor itself.
type place struct {
	dir  launch.Cell
	path string
}

// place finds rel so that it cannot be led astray. What this program made
// itself is reached by name. For any other place the kernel resolves the path
// as a process inside would (openat2(2), RESOLVE_IN_ROOT), so that a symbolic
// link in a bound directory cannot point a mount outside the new root.
func (b *builder) place(rel string) place {
	if rel == "." || b.made[path.Dir(rel)] {
		return place{b.root, rel}
	}
	return place{b.resolve(rel, resolveInRoot), ""}
}

// placeWithoutLinks finds rel where no part of it is a symbolic link. What is
// mounted there is used by its name later on: things are made below a tmpfs, and
// labels are written below /proc. A root file system of one's own whose dev or proc
// is a link would lead that elsewhere, onto the host.
func (b *builder) placeWithoutLinks(rel string) place {
	if rel == "." || b.made[path.Dir(rel)] {
		return place{b.root, rel}
	}
	return place{b.resolve(rel, resolveInRoot|resolveNoLinks), ""}
}

// resolve opens a path as a process inside would. The kernel answers EAGAIN
// while mounts or renames anywhere make ".." unreliable.
func (b *builder) resolve(rel string, restrict uint64) launch.Cell {
	fd := b.Cell("place", -1)
	again := b.NewLabel("resolve")
	how := b.words("open_how", oPath|oCloexec, 0, restrict|resolveNoMagic)
	b.Place(again)
	b.Call(launch.Openat2, b.root, b.Text(rel), how, launch.Int(openHowSize)).Into(fd).On(eagain, again)
	return fd
}

func (p place) resolved() bool { return p.path == "" }

// mount emits mount(2) of a fresh file system; the working directory is the
// root of the view.
func (b *builder) mount(rel, fstype string, flags Flags, options string) {
	p := b.placeWithoutLinks(rel)
	target := p.path
	if p.resolved() {
		b.Call(launch.Fchdir, p.dir)
		target = "."
	}
	b.Call(launch.Mount, b.Text(fstype), b.Text(target), b.Text(fstype), launch.Int(mountFlags(flags)), b.Text(options))
	if p.resolved() {
		b.Call(launch.Fchdir, b.root)
		b.Call(launch.Close, p.dir)
	}
}

// attach moves a detached tree into place and closes it.
func (b *builder) attach(tree launch.Cell, rel string) {
	const targetEmpty = 0x40 // MOVE_MOUNT_T_EMPTY_PATH
	p := b.place(rel)
	flags := moveMountEmpty
	if p.resolved() {
		flags |= targetEmpty
	}
	b.Call(launch.MoveMount, tree, b.Text(""), p.dir, b.Text(p.path), launch.Int(flags))
	if p.resolved() {
		b.Call(launch.Close, p.dir)
	}
	b.Call(launch.Close, tree)
}

// openTree clones a tree of the host.
func (b *builder) openTree(into launch.Cell, dir launch.Arg, source string) *launch.Instr {
	return b.Call(launch.OpenTree, dir, b.Text(source), launch.Int(openTreeClone|openTreeCloexec|atRecursive)).Into(into)
}

// setattr restricts a mount, and with atRecursive those below it.
func (b *builder) setattr(tree launch.Cell, f Flags, recursive int) {
	if f == 0 {
		return
	}
	attr, ok := b.attribute[f]
	if !ok {
		attr = b.words("mount_attr", uint64(f), 0, 0, 0)
		b.attribute[f] = attr
	}
	b.Call(launch.MountSetattr, tree, b.Text(""), launch.Int(atEmptyPath|recursive), attr, launch.Int(mountAttrSize))
}

func (b *builder) bind(e Bind, rel string) {
	b.Step("bind "+e.Source, e.Path)
	tree, opened := b.trees[e]
	if !opened {
		tree = b.openBind(e)
	}
	b.attach(tree, rel)
	b.made[rel] = false
}

func (b *builder) openBind(e Bind) launch.Cell {
	tree := b.Cell("tree", -1)
	b.openTree(tree, launch.Int(atFDCWD), e.Source)
	b.setattr(tree, e.Flags, atRecursive)
	if e.IDMap != 0 {
		const idMap = 0x00100000 // MOUNT_ATTR_IDMAP
		b.Step("map the ids of "+e.Source, e.Path)
		attr := b.words("mount_attr with ids", idMap, 0, 0, uint64(e.IDMap))
		b.Call(launch.MountSetattr, tree, b.Text(""), launch.Int(atEmptyPath|atRecursive), attr, launch.Int(mountAttrSize))
		b.Step("bind "+e.Source, e.Path)
	}
	return tree
}

func (b *builder) tmpfs(e Tmpfs, rel, label string) {
	b.Step("mount tmpfs", e.Path)
	opts := []Option{{"mode", fmt.Sprintf("%#o", e.Mode)}}
	if e.Size > 0 {
		opts = append(opts, Option{"size", fmt.Sprint(e.Size)})
	}
	if e.Files > 0 {
		opts = append(opts, Option{"nr_inodes", fmt.Sprint(e.Files)})
	}
	b.mount(rel, "tmpfs", e.Flags, options(labelled(opts, label)))
	b.made[rel] = true
}

func (b *builder) node(e Node, rel string) {
	b.Step("make device node", e.Path)
	kind := uint32(modeChar)
	if e.Block {
		kind = modeBlock
	}
	b.Call(launch.Mknodat, b.root, b.Text(rel), launch.Int(kind|e.Mode), launch.Int(deviceNumber(e.Major, e.Minor)))
	if e.UID != 0 || e.GID != 0 {
		b.Call(launch.Fchownat, b.root, b.Text(rel), launch.Int(e.UID), launch.Int(e.GID), launch.Int(0))
	}
}

// deviceNumber encodes a device number as the kernel's new_encode_dev does.
func deviceNumber(major, minor uint32) uint32 {
	return minor&0xff | major<<8 | (minor &^ 0xff << 12)
}

func (b *builder) protect(e Protect, rel string) {
	b.Step("make read-only", e.Path)
	tree := b.Cell("tree", -1)
	b.openTree(tree, b.root, rel)
	b.setattr(tree, ReadOnly, atRecursive)
	b.attach(tree, rel)
}

func mountFlags(f Flags) (out int) {
	for _, m := range []struct {
		flag Flags
		bit  int
	}{{ReadOnly, msRdonly}, {NoSuid, msNosuid}, {NoDev, msNodev}, {NoExec, msNoexec}} {
		if f&m.flag != 0 {
			out |= m.bit
		}
	}
	return out
}

// labelled adds the option that gives every file of a file system one SELinux
// label.
func labelled(list []Option, label string) []Option {
	if label == "" {
		return list
	}
	return append(list[:len(list):len(list)], Option{"context", label})
}

func options(list []Option) string {
	var out []string
	for _, o := range list {
		switch {
		case o.Value == "":
			out = append(out, o.Name)
		case strings.Contains(o.Value, ","):
			out = append(out, o.Name+`="`+o.Value+`"`)
		default:
			out = append(out, o.Name+"="+o.Value)
		}
	}
	return strings.Join(out, ",")
}
