package namespace

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
)

// An Identity is who a program runs as.
type Identity struct {
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
	// NoGroup says that nothing named a group: the user id is in no passwd
	// entry and the specification had none. GID is then 0, as Docker has it,
	// which is the group of root; a caller who wants less must choose.
	NoGroup bool `json:"noGroup,omitempty"`
	// Groups are the supplementary groups, those that the group file lists
	// the user in. There are none if the specification names a group.
	Groups []uint32 `json:"groups,omitempty"`
	Name   string   `json:"name,omitempty"` // empty if the id is in no passwd entry
	Home   string   `json:"home,omitempty"` // likewise
}

// A UserError says why a user specification could not be resolved.
type UserError struct {
	Spec   string // as the caller wrote it
	Reason string
	Err    error // the cause, if there is one
}

func (e *UserError) Error() string {
	msg := fmt.Sprintf("user %q: %s", e.Spec, e.Reason)
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause, which may be nil. It is [user.ErrNoPasswdEntries]
// or [user.ErrNoGroupEntries] of github.com/moby/sys/user for an unknown name
// and [user.ErrRange] for an id out of range.
func (e *UserError) Unwrap() error { return e.Err }

// LookupUser resolves a user specification with the text of a passwd and a
// group file, usually the sandbox's own; either may be nil if there is none. The
// forms are Docker's: "name", "name:group", "uid", "uid:gid" and the mixed ones.
//
// Numbers need no entry, so that "10000:20000" always works. They must be from 0
// to 2147483647, the limit of the OCI runtimes, and without a sign. A number is
// never taken for a name. Names must have an entry; else the error, always a
// [*UserError], says which file lacks it. Of several entries with the same name
// or id the first counts, and an entry without valid ids counts as absent.
func LookupUser(spec string, passwd, group io.Reader) (Identity, error) {
	usr, grp, err := splitSpec(spec)
	if err != nil {
		return Identity{}, err
	}
	users, err := readDatabase(passwd, passwdFormat)
	if err != nil {
		return Identity{}, &UserError{Spec: spec, Reason: "reading the passwd file", Err: err}
	}
	groups, err := readDatabase(group, groupFormat)
	if err != nil {
		return Identity{}, &UserError{Spec: spec, Reason: "reading the group file", Err: err}
	}
	const unset = -1 // no id of a valid entry, so it shows that no group was found
	found, err := user.GetExecUser(spec, &user.ExecUser{Uid: unset, Gid: unset}, users.reader(), groups.reader())
	if err != nil {
		return Identity{}, &UserError{Spec: spec, Reason: lookupReason(err, usr, grp, users, groups), Err: err}
	}
	id := Identity{UID: uint32(found.Uid), Home: found.Home}
	if found.Gid == unset {
		id.NoGroup = true
	} else {
		id.GID = uint32(found.Gid)
	}
	for _, gid := range found.Sgids {
		id.Groups = append(id.Groups, uint32(gid))
	}
	id.Name, err = users.userName(usr, found.Uid)
	if err != nil {
		return Identity{}, &UserError{Spec: spec, Reason: "reading the passwd file", Err: err}
	}
	return id, nil
}

// splitSpec refuses what GetExecUser would complete by itself: it takes an
// empty user for the default one, which is root, and an empty group for none.
func splitSpec(spec string) (usr, grp string, err error) {
	usr, grp, hasGroup := strings.Cut(spec, ":")
	reason := ""
	switch {
	case spec == "":
		reason = "empty; want NAME, UID, NAME:GROUP or UID:GID"
	case usr == "":
		reason = "no user before the colon"
	case hasGroup && grp == "":
		reason = "no group after the colon"
	case strings.Contains(grp, ":"):
		reason = "more than one colon"
	case strings.ContainsAny(spec, "\x00\n\r"):
		reason = "contains a control character"
	case signed(usr) || signed(grp):
		reason = "an id has a sign"
	}
	if reason != "" {
		return "", "", &UserError{Spec: spec, Reason: reason}
	}
	return usr, grp, nil
}

// signed reports whether s is a number with a sign, which GetExecUser reads as
// a number.
func signed(s string) bool {
	if s == "" || s[0] != '+' && s[0] != '-' {
		return false
	}
	_, err := strconv.Atoi(s)
	return !errors.Is(err, strconv.ErrSyntax)
}

func lookupReason(err error, usr, grp string, users, groups database) string {
	switch {
	case errors.Is(err, user.ErrNoPasswdEntries):
		return users.lack("passwd", usr)
	case errors.Is(err, user.ErrNoGroupEntries):
		return groups.lack("group", grp)
	case errors.Is(err, user.ErrRange):
		return "an id is out of range"
	}
	return "cannot be looked up"
}
