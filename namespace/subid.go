package namespace

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/moby/sys/user"
)

// A SubIDError says why the subordinate ids of an owner cannot be used.
type SubIDError struct {
	File   string // /etc/subuid or /etc/subgid
	Owner  string // whose ids were looked up
	Value  string // the entry concerned, as owner:first:count; empty if there is none
	Reason string
	Fix    string // what an administrator can do about it
	Err    error  // the cause, if there is one
}

func (e *SubIDError) Error() string {
	msg := fmt.Sprintf("%s: subordinate ids of %q: ", e.File, e.Owner)
	if e.Value != "" {
		msg += fmt.Sprintf("entry %q ", e.Value)
	}
	msg += e.Reason
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	if e.Fix != "" {
		msg += "; to fix it: " + e.Fix
	}
	return msg
}

// Unwrap returns the cause, which may be nil.
func (e *SubIDError) Unwrap() error { return e.Err }

// SubordinateFrom returns the ids that the text of a subuid and a subgid file
// (subuid(5), subgid(5)) grants to an owner, who may be listed under more than
// one name: usually the user name and the user id in decimal. Errors about
// either file are [*SubIDError]s, joined with [errors.Join].
//
// It is stricter than the tools that share these files, since ids that are not
// the owner's alone separate nothing. Refused are a name with blanks or
// punctuation that no user name has, an owner without an entry in
// one of the files, an entry that is empty or not made of numbers, ids past
// 4294967294, the id 0, and ids that another owner is granted as well. An
// entry that is listed twice counts once. Whether an id in the ranges also
// belongs to a user in the passwd file is not checked.
func SubordinateFrom(subuid, subgid io.Reader, owner ...string) (uids, gids Ranges, err error) {
	uids, uidErr := subuidFile.ranges(subuid, owner)
	gids, gidErr := subgidFile.ranges(subgid, owner)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, nil, err
	}
	return uids, gids, nil
}

// RemapFrom is [Remap] with the text of the two files instead of the system's.
func RemapFrom(subuid, subgid io.Reader, owner ...string) (uids, gids IDMaps, err error) {
	uidRanges, gidRanges, err := SubordinateFrom(subuid, subgid, owner...)
	if err != nil {
		return nil, nil, err
	}
	return remap(uidRanges, gidRanges)
}

func remap(uidRanges, gidRanges Ranges) (uids, gids IDMaps, err error) {
	uids, gids = uidRanges.Maps(), gidRanges.Maps()
	if err := errors.Join(join("uid", uids.problems()), join("gid", gids.problems())); err != nil {
		return nil, nil, err
	}
	return uids, gids, nil
}

// A subIDFile is one of the two files that grant subordinate ids.
type subIDFile struct {
	path string
	flag string // of usermod(8), to add a range
}

var (
	subuidFile = subIDFile{path: "/etc/subuid", flag: "--add-subuids"}
	subgidFile = subIDFile{path: "/etc/subgid", flag: "--add-subgids"}
)

// ranges reads what the file grants to the owner. A nil reader is a file that
// does not exist.
func (f subIDFile) ranges(r io.Reader, owner []string) (Ranges, error) {
	if len(owner) == 0 {
		return nil, &SubIDError{File: f.path, Reason: "no owner is named"}
	}
	for _, name := range owner {
		if !ownerName(name) {
			return nil, &SubIDError{File: f.path, Owner: name, Reason: "not the name or id of a user"}
		}
	}
	if r == nil {
		return nil, &SubIDError{File: f.path, Owner: owner[0], Reason: "there is no such file", Fix: f.fix(owner, nil)}
	}
	text, err := readLimited(r)
	if err != nil {
		return nil, &SubIDError{File: f.path, Owner: owner[0], Reason: "cannot be read", Err: err}
	}
	entries, err := user.ParseSubID(strings.NewReader(text))
	if err != nil {
		return nil, &SubIDError{File: f.path, Owner: owner[0], Reason: "cannot be read", Err: err}
	}
	mine, others := splitEntries(entries, owner)
	if len(mine) == 0 {
		return nil, &SubIDError{File: f.path, Owner: owner[0], Reason: "there is no entry", Fix: f.fix(owner, entries)}
	}
	if len(mine) > maxExtents {
		reason := fmt.Sprintf("there are %d entries, and an id map takes at most %d", len(mine), maxExtents)
		return nil, &SubIDError{File: f.path, Owner: owner[0], Reason: reason}
	}
	var ranges Ranges
	for i, entry := range mine {
		if reason := problem(entry, mine[:i], others); reason != "" {
			return nil, &SubIDError{
				File: f.path, Owner: owner[0], Value: entryText(entry), Reason: reason,
				Fix: "delete the entry and " + f.fix(owner, entries),
			}
		}
		ranges = append(ranges, Range{First: uint32(entry.SubID), Count: uint32(entry.Count)})
	}
	return ranges, nil
}

// ownerName reports whether a name can be that of a user. Others are refused
// because the fix of an error contains the name, and people paste fixes into
// shells.
func ownerName(name string) bool {
	for i, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && (i == 0 || !strings.ContainsRune(`.-+@\`, c)) && c != '_' {
			return false
		}
	}
	return name != ""
}

// splitEntries separates the owner's entries, each range once, from those of
// everyone else.
func splitEntries(entries []user.SubID, owner []string) (mine, others []user.SubID) {
	type ids struct{ first, count int64 }
	seen := make(map[ids]bool)
	for _, entry := range entries {
		if !slices.Contains(owner, entry.Name) {
			others = append(others, entry)
			continue
		}
		if key := (ids{entry.SubID, entry.Count}); !seen[key] {
			seen[key] = true
			mine = append(mine, entry)
		}
	}
	return mine, others
}

// problem returns why an entry of the owner is unusable, or nothing. The parser
// turns whatever is not a number into 0, so that refusing 0 as a first id
// and as a count refuses malformed entries too.
func problem(entry user.SubID, earlier, others []user.SubID) string {
	switch {
	case entry.SubID == 0:
		return "starts at the id 0, root's, or its start is not a number"
	case entry.Count == 0:
		return "is empty or its count is not a number"
	case entry.SubID < 0 || entry.Count < 0 || entry.SubID > noID || entry.Count > noID-entry.SubID:
		return "goes past the ids 1 to 4294967294"
	}
	for _, other := range earlier {
		if overlapping(entry, other) {
			return fmt.Sprintf("overlaps with %q", entryText(other))
		}
	}
	for _, other := range others {
		if overlapping(entry, other) {
			return fmt.Sprintf("grants ids that %q grants to another", entryText(other))
		}
	}
	return ""
}

// overlapping reports whether a valid entry has an id in common with any
// other entry.
func overlapping(valid, other user.SubID) bool {
	if other.SubID < 0 || other.Count <= 0 || other.SubID > noID {
		return false
	}
	other.Count = min(other.Count, noID)
	return valid.SubID < other.SubID+other.Count && other.SubID < valid.SubID+valid.Count
}

func entryText(e user.SubID) string {
	return fmt.Sprintf("%s:%d:%d", e.Name, e.SubID, e.Count)
}

// fix returns what grants a usual number of ids beyond all that are granted.
func (f subIDFile) fix(owner []string, entries []user.SubID) string {
	const usualFirst, usualCount = 100000, 65536 // as useradd(8) allots them
	free := int64(usualFirst)
	for _, e := range entries {
		if e.SubID >= 0 && e.Count > 0 && e.SubID <= noID && e.Count <= noID-e.SubID {
			free = max(free, e.SubID+e.Count)
		}
	}
	if free+usualCount > noID {
		return fmt.Sprintf("add a free range for %s to %s", owner[0], f.path)
	}
	for _, name := range owner {
		if _, err := strconv.ParseUint(name, 10, 32); err != nil {
			return fmt.Sprintf("run usermod %s %d-%d %s", f.flag, free, free+usualCount-1, name)
		}
	}
	return fmt.Sprintf("add the line %s:%d:%d to %s", owner[0], free, usualCount, f.path)
}

// readLimited reads a user database file. The limit is far above any real
// file's size and bounds what a hostile one can cost.
func readLimited(r io.Reader) (string, error) {
	const limit = 10 << 20
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", err
	}
	if len(text) > limit {
		return "", fmt.Errorf("more than %d bytes", limit)
	}
	return string(text), nil
}
