package caps

import (
	"errors"
	"strings"
)

// A Change is what a command line asks to be different from a base set: the
// names given to Docker's --cap-add and --cap-drop, in any spelling that
// [Parse] accepts, and the word "all" in any case. The zero value changes
// nothing.
type Change struct {
	Add  []string `json:"add,omitempty"`
	Drop []string `json:"drop,omitempty"`
}

// Apply returns the base set as changed, with Docker's arithmetic. The first
// line that matches decides:
//
//	"all" is added    every known capability, less those dropped by name
//	"all" is dropped  exactly those added by name; the base plays no part
//	otherwise         (base - dropped) + added
//
// So the order of the flags is of no importance. A name that is both added
// and dropped is granted in the last two cases and refused in the first; "all"
// both added and dropped grants all.
//
// Every bad name in either list is reported, as [*NameError]s joined with
// [errors.Join], and then the set is empty.
//
// Apply does not know what the kernel or the caller can grant; see
// [Change.ApplyWithin].
func (c Change) Apply(base Set) (Set, error) {
	return c.ApplyWithin(base, All)
}

// ApplyWithin is [Change.Apply] for a caller who can grant the available
// capabilities and no others, because the kernel is old or its own bounding set
// is restricted. "all" then means all that are available, the base is cut
// down to them, and adding one that is not available by its name is an error
// rather than a promise that cannot be kept. Dropping such a one is no error
// (Docker makes it one), as there is nothing left to drop.
func (c Change) ApplyWithin(base, available Set) (Set, error) {
	add, addAll, addErr := parseFlags(c.Add)
	drop, dropAll, dropErr := parseFlags(c.Drop)
	if err := errors.Join(addErr, dropErr, unavailable(add.Minus(available))); err != nil {
		return 0, err
	}
	switch {
	case addAll:
		return available.Minus(drop), nil
	case dropAll:
		return add, nil
	}
	return base.Intersect(available).Minus(drop).Union(add), nil
}

// parseFlags separates the word "all" from the names.
func parseFlags(list []string) (s Set, all bool, err error) {
	var single []string
	for _, name := range list {
		if strings.EqualFold(name, allText) {
			all = true
			continue
		}
		single = append(single, name)
	}
	s, err = parseNames(single)
	return s, all, err
}

func unavailable(s Set) error {
	var bad []error
	for _, c := range s.List() {
		bad = append(bad, &NameError{
			Name:   c.String(),
			Reason: "cannot be added: the kernel does not have it or the bounding set of the caller lacks it",
		})
	}
	return errors.Join(bad...)
}
