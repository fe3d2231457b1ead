package namespace

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
)

const passwdPath = "/etc/passwd"

// Subordinate returns the ids that /etc/subuid and /etc/subgid grant to the
// owner, a user name or a decimal user id. Entries under the owner's other
// spelling, from /etc/passwd, count as well; users that only a directory service
// knows need to be spelled as in the entries. Errors are those of
// [SubordinateFrom].
func Subordinate(owner string) (uids, gids Ranges, err error) {
	names, err := ownerNames(owner)
	if err != nil {
		return nil, nil, err
	}
	uids, uidErr := subuidFile.read(names)
	gids, gidErr := subgidFile.read(names)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, nil, err
	}
	return uids, gids, nil
}

// Remap returns the maps that Docker's userns-remap would use for an owner: the
// ids from 0 on inside, without a gap, are the owner's subordinate ids outside,
// range by range in the order of the files. With the entry dockremap:5000:10000
// root inside is the user 5000 outside, and 9999 inside is 14999.
//
// Errors are those of [Subordinate] and [IDMaps.Validate].
func Remap(owner string) (uids, gids IDMaps, err error) {
	uidRanges, gidRanges, err := Subordinate(owner)
	if err != nil {
		return nil, nil, err
	}
	return remap(uidRanges, gidRanges)
}

// CheckOwner reports whether a caller with these ids may have the maps written
// by newuidmap(1) and newgidmap(1), going by /etc/subuid and /etc/subgid. A map
// of nothing but the caller's own id is always allowed. The error joins
// [*IDMapError]s for extents that are not the caller's and [*SubIDError]s.
func CheckOwner(uids, gids IDMaps, uid, gid uint32) error {
	names, err := ownerNames(strconv.FormatUint(uint64(uid), 10))
	if err != nil {
		return err
	}
	return errors.Join(
		subuidFile.check("uid", uids, uid, names),
		subgidFile.check("gid", gids, gid, names),
	)
}

func (f subIDFile) check(which string, maps IDMaps, own uint32, names []string) error {
	if len(maps.foreign(own, nil)) == 0 {
		return nil
	}
	ranges, err := f.read(names)
	if err != nil {
		return err
	}
	return join(which, maps.foreign(own, ranges))
}

func ownerNames(owner string) ([]string, error) {
	var passwd io.Reader
	f, err := os.Open(passwdPath)
	switch {
	case err == nil:
		defer f.Close()
		passwd = f
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	db, err := readDatabase(passwd, passwdFormat)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: passwdPath, Err: err}
	}
	return db.aliases(owner)
}

// read is ranges for the file of the running system.
func (f subIDFile) read(names []string) (Ranges, error) {
	file, err := os.Open(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f.ranges(nil, names)
	case err != nil:
		return nil, &SubIDError{File: f.path, Owner: names[0], Reason: "cannot be read", Err: err}
	}
	defer file.Close()
	return f.ranges(file, names)
}
