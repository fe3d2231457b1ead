package cgroup

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Create makes a group with limits set, and no process in it. An empty name
// has one made up that [Hierarchy.Sweep] recognises; a name that exists is an
// error (EEXIST), because another's group is never taken over.
//
// Errors: [*LimitError] for a value that is wrong anywhere, [*UnsupportedError]
// for what this host does not offer to this process, [*Error] for a call that failed.
// Nothing is left behind.
func (h *Hierarchy) Create(name string, l Limits) (*Group, error) {
	return h.CreateWith(name, l, Options{})
}

// CreateWith is [Hierarchy.Create] with more than the limits asked for.
func (h *Hierarchy) CreateWith(name string, l Limits, o Options) (*Group, error) {
	if err := errors.Join(l.Validate(), o.validate(), checkName(name)); err != nil {
		return nil, err
	}
	if err := h.acquire(); err != nil {
		return nil, err
	}
	g, err := h.create(name, l, o)
	if err != nil {
		h.release()
		return nil, err
	}
	return g, nil
}

func (h *Hierarchy) create(name string, l Limits, o Options) (*Group, error) {
	sites, err := h.sites(o.needs(l))
	if err != nil {
		return nil, err
	}
	settings, err := l.settings(h.version, deviceNumberOf)
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if s.base.version == 2 {
			if err := s.base.enable(s.controllers); err != nil {
				return nil, err
			}
		}
	}
	g, err := h.makeNamed(name, sites)
	if err != nil {
		return nil, err
	}
	g.noteQuota(l)
	if err := g.prepare(settings, sites); err != nil {
		return nil, errors.Join(err, g.discard())
	}
	return g, nil
}

// Places tells, without making anything, in which hierarchies a group with these
// limits is made, in the order of Group.ProcsFiles.
func (h *Hierarchy) Places(l Limits, o Options) ([]Place, error) {
	sites, err := h.sites(o.needs(l))
	if err != nil {
		return nil, err
	}
	places := make([]Place, len(sites))
	for i, s := range sites {
		places[i] = Place{Version: s.base.version, Path: s.base.path}
	}
	return places, nil
}

// site is a directory to be made and what it is to be used for.
type site struct {
	base        *base
	controllers []string
	cpuset      bool // v1: CPUs and memory nodes must be filled in
}

// sites chooses the hierarchies that the controllers need, each once.
func (h *Hierarchy) sites(controllers []string) ([]site, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var sites []site
	find := func(b *base) *site {
		for i := range sites {
			if sites[i].base == b {
				return &sites[i]
			}
		}
		return nil
	}
	// What any v2 directory has costs nothing if there is one: so it comes last.
	slices.SortStableFunc(controllers, func(a, b string) int { return rank(a) - rank(b) })
	for _, c := range controllers {
		if slices.ContainsFunc(sites, func(s site) bool { return s.base.offers(c) }) && core(c) {
			continue
		}
		b := h.where[c]
		if b == nil {
			return nil, h.why(c)
		}
		s := find(b)
		if s == nil {
			sites = append(sites, site{base: b})
			s = &sites[len(sites)-1]
		}
		if !slices.Contains(s.controllers, c) {
			s.controllers = append(s.controllers, c)
		}
	}
	for i := range sites {
		sites[i].complete()
	}
	return sites, nil
}

func rank(controller string) int {
	switch controller {
	case "freezer":
		return 1
	case "cpuacct": // may come with the freezer's
		return 2
	}
	return 0
}

// offers tells whether a directory of the hierarchy has a core controller anyway.
func (b *base) offers(controller string) bool {
	return b.version == 2 || slices.Contains(b.controllers, controller)
}

// complete adds what comes with a directory unasked.
func (s *site) complete() {
	if s.base.version == 2 {
		s.controllers = append(s.controllers, "cpuacct", "freezer")
	} else {
		s.cpuset = slices.Contains(s.base.controllers, "cpuset")
		s.controllers = append(s.controllers, s.base.controllers...)
	}
	slices.Sort(s.controllers)
	s.controllers = slices.Compact(s.controllers)
}

func (h *Hierarchy) why(controller string) error {
	for _, s := range h.support {
		if s.Controller == controller {
			return s.Err
		}
	}
	return absent(controller, nil)
}

func (h *Hierarchy) version(controller string) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if b := h.where[controller]; b != nil {
		return b.version
	}
	return 0
}

// makeNamed makes the directories, under the next free name if none is given.
func (h *Hierarchy) makeNamed(name string, sites []site) (*Group, error) {
	if name != "" {
		return h.makeDirs(name, sites)
	}
	self := h.self
	if pid := os.Getpid(); pid != self.pid {
		// A fork of the process that discovered: it has a life of its own.
		var err error
		if self, err = processOwner(pid); err != nil {
			return nil, err
		}
	}
	const tries = 10000 // other Hierarchies of this process count from one too
	var err error
	for range tries {
		var g *Group
		if g, err = h.makeDirs(groupName(self, h.next.Add(1)), sites); !errors.Is(err, unix.EEXIST) {
			return g, err
		}
	}
	return nil, err
}

func (h *Hierarchy) makeDirs(name string, sites []site) (*Group, error) {
	g := &Group{h: h, name: name}
	for _, s := range sites {
		d, err := makeDir(h.fs, s.base, name, s.controllers)
		if err != nil {
			return nil, errors.Join(err, g.discard())
		}
		g.dirs = append(g.dirs, d)
	}
	return g, nil
}

// prepare sets the limits and opens the doors, in this order.
func (g *Group) prepare(settings []setting, sites []site) error {
	asked := slices.ContainsFunc(settings, func(s setting) bool { return s.controller == "cpuset" })
	for _, s := range sites {
		if s.cpuset && !asked {
			settings = append(settings, Limits{}.cpusetSettings(false)...)
		}
	}
	for _, s := range settings {
		if err := g.at(s.controller).apply(s); err != nil {
			return err
		}
	}
	for _, d := range g.dirs {
		if err := d.openProcs(); err != nil {
			return err
		}
	}
	return nil
}

// discard takes a half-made group away; nothing was ever in it.
func (g *Group) discard() error {
	var errs []error
	for _, d := range slices.Backward(g.dirs) {
		d.close()
		if err := again(func() error { return d.fs.rmdir(d.base.fd, d.name) }); err != nil {
			errs = append(errs, d.fail("remove", "", "", "", err))
		}
	}
	g.dirs, g.gone = nil, true
	return errors.Join(errs...)
}

func (o Options) validate() error {
	for _, c := range o.Controllers {
		switch c {
		case "memory", "cpu", "cpuacct", "cpuset", "pids", "io":
		default:
			return &LimitError{Limit: "Options.Controllers", Value: c, Reason: "is not a controller with statistics"}
		}
	}
	return nil
}
