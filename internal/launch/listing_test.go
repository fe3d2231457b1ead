package launch

import "testing"

func TestListing(t *testing.T) {
	p := NewProgram()
	fd, status := p.Cell("fd", -1), p.Cell("status", 0)
	loop, missing, done := p.NewLabel("loop"), p.NewLabel("missing"), p.NewLabel("done")
	attr := p.Data("mount_attr", []byte{1, 2, 3, 4})

	p.Call(Getpid).Into(status)
	p.Step("open", "/proc")
	in := p.Call(Openat, Int(-100), p.Text("/proc\n"), Int(0o2000000), Int(0)).Into(fd).On(2, missing)
	p.Call(MountSetattr, fd, p.Text(""), attr.Plus(3), Int(0xffff)).IgnoreAll()
	p.Place(missing)
	p.Call(Close, fd).Ignore(9)
	p.Sum(in.Errno(), Int(0)).If(Int(2), loop)
	p.Step("wait", "")
	p.Place(loop)
	p.Call(Wait4, Int(-1), status.Ref(), Int(0)).OnAny(loop).If(Int(0), done)
	p.Sum(status, Int(0)).IfMasked(0x7f, Int(5), loop)
	p.Sum(status, Int(1)).Into(status).If(fd, done)
	p.Set(status, Int(7))
	p.Jump(loop)
	record, errno, _ := p.FailRecord()
	p.Call(Write, Int(1), record, FailSize)
	p.Sum(errno, Int(0)).Into(status)
	p.Place(done)
	finish(p)

	const want = `start
    $status = getpid()
open /proc
    $fd = openat(-100, "/proc\n", 0x80000, 0), on errno 2 go to missing
    mount_setattr($fd, "", &mount_attr+3, 65535), any error ignored
  missing:
    close($fd), errno 9 ignored
    errno of openat, if 2 go to loop
wait
  loop:
    wait4(-1, $status, 0), on any error go to loop, if 0 go to done
    $status, if result&0x7f is 5 go to loop
    $status = $status + 1, if $fd go to done
    $status = 7
    0, go to loop
    write(1, header, 16)
    $status = header
  done:
    exit_group(0)
  fail:
    exit_group(100)
`
	if got := p.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestListingOfReplaced(t *testing.T) {
	p := NewProgram()
	c := p.Cell("fd", -1)
	p.Call(Close, c).IgnoreAll()
	p.Call(Close, c)
	finish(p)
	p.Fail(0, 5)
	p.Replace(1, Getpid)
	const want = "start\n    fail(5), any error ignored\n    getpid()\n    exit_group(0)\n  fail:\n    exit_group(100)\n"
	if got := p.String(); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// A listing is for people and must not fail for an unfinished program.
func TestListingOfUnfinishedProgram(t *testing.T) {
	p := NewProgram()
	p.Jump(p.NewLabel("nowhere"))
	if got := p.String(); got != "start\n    0, go to nowhere\n" {
		t.Errorf("got %q", got)
	}
	if got := NewProgram().String(); got != "" {
		t.Errorf("got %q", got)
	}
}
