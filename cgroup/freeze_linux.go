package cgroup

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// Freeze stops all processes of the group and of groups below it, and returns
// when they have stopped; children that they are just making stop too. A group
// that does not stop within some seconds is thawed again, and the error is ETIMEDOUT.
//
// Files: v2 cgroup.freeze (Linux 5.2), where frozen processes can be killed;
// v1 freezer.state, where they die only after Thaw. On v1 the group must have
// been made with Options.Freezer.
func (g *Group) Freeze() error {
	done, err := g.use("freeze")
	if err != nil {
		return err
	}
	defer done()
	d, err := g.freezer()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), freezeBound)
	defer cancel()
	err = d.freeze(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(d.fail("freeze", "freezer", "", "", unix.ETIMEDOUT), d.thaw())
	}
	return err
}

// Thaw lets a frozen group go on. It is no error if the group is not frozen.
func (g *Group) Thaw() error {
	done, err := g.use("thaw")
	if err != nil {
		return err
	}
	defer done()
	d, err := g.freezer()
	if err != nil {
		return err
	}
	return d.thaw()
}

func (g *Group) freezer() (*dir, error) {
	if d := g.at("freezer"); d != nil {
		return d, nil
	}
	return nil, &UnsupportedError{
		Feature: "freezer",
		Reason:  "the group was made without it",
		Fix:     "set Options.Freezer when the group is made",
	}
}

func (d *dir) freeze(ctx context.Context) error {
	if d.base.version == 2 {
		if _, err := d.write("cgroup.freeze", "1", false); err != nil {
			return d.fail("write", "freezer", "cgroup.freeze", "1", err)
		}
		return d.waitEvent(ctx, "frozen", 1)
	}
	return poll(ctx, func() (bool, error) {
		// Writing again catches what was forked meanwhile; reading updates the state.
		state, err := d.write("freezer.state", "FROZEN", true)
		if err != nil {
			return false, d.fail("write", "freezer", "freezer.state", "FROZEN", err)
		}
		return strings.TrimSpace(state) == "FROZEN", nil
	})
}

func (d *dir) thaw() error {
	file, value := "freezer.state", "THAWED"
	if d.base.version == 2 {
		file, value = "cgroup.freeze", "0"
	}
	if _, err := d.write(file, value, false); err != nil {
		return d.fail("write", "freezer", file, value, err)
	}
	return nil
}
