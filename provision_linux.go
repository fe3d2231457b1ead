package sandbox

import (
	"errors"
	"os"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// A provision is what the host makes for one start while its launcher does what it
// can without: on another CPU that takes no time.
type provision struct {
	done    chan struct{}
	group   *cgroup.Group // nil where no limit needs one
	network *os.File      // nil where the launcher makes the namespace, or needs none
	err     error
}

func newProvision() *provision { return &provision{done: make(chan struct{})} }

// provide begins to make a provision.
func (p *prepared) provide() *provision {
	v := newProvision()
	if p.provides() {
		go v.make(p)
	} else {
		close(v.done)
	}
	return v
}

// make makes what a provision consists of.
func (v *provision) make(p *prepared) {
	defer close(v.done)
	v.group, v.err = p.group.create(p.host)
	if v.group != nil {
		v.group.KeepTotals() // which are read when the command has ended, while nothing else is done
	}
	if v.err == nil && p.spec.NetworkSent {
		v.network, v.err = newNetwork()
	}
}

func (p *prepared) provides() bool { return p.group.needed || p.spec.NetworkSent }

// discard takes a provision back that no sandbox was started with.
func (v *provision) discard() error {
	if v == nil {
		return nil
	}
	<-v.done
	var errs []error
	if v.network != nil {
		errs = append(errs, v.network.Close())
	}
	if v.group != nil {
		errs = append(errs, v.group.Remove())
	}
	return errors.Join(errs...)
}

// take waits for the provision and makes the sandbox its owner.
func (r *running) take(v *provision) error {
	if v == nil {
		return nil
	}
	<-v.done
	r.group, r.network = v.group, v.network
	return v.err
}

// closeNetwork lets go of the network namespace, which lives on in the sandbox.
func (r *running) closeNetwork() {
	if r.network != nil {
		r.network.Close()
		r.network = nil
	}
}
