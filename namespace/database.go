package namespace

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
)

// A format says where the lines of a user database file hold numbers.
type format struct{ ids []int }

var (
	passwdFormat = format{ids: []int{2, 3}} // name:password:UID:GID:...
	groupFormat  = format{ids: []int{2}}    // name:password:GID:members
)

// valid reports whether a line has a name and all of its ids. Parsers of the
// field are lenient and read a missing or malformed id as 0: without this check
// a damaged line would make its user root.
func (f format) valid(line string) bool {
	fields := strings.Split(line, ":")
	if fields[0] == "" || strings.ContainsRune("+-#", rune(fields[0][0])) {
		return false // of NIS, or a comment
	}
	for _, i := range f.ids {
		if i >= len(fields) {
			return false
		}
		if _, err := strconv.ParseUint(fields[i], 10, 31); err != nil {
			return false
		}
	}
	return true
}

// A database is the valid lines of a passwd or group file.
type database struct {
	exists  bool
	text    string
	dropped []string // the names in lines that are not valid
}

func readDatabase(r io.Reader, f format) (database, error) {
	if r == nil {
		return database{}, nil
	}
	text, err := readLimited(r)
	if err != nil {
		return database{}, err
	}
	db := database{exists: true}
	var kept strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if f.valid(line) {
			kept.WriteString(line + "\n")
			continue
		}
		if name, _, ok := strings.Cut(line, ":"); ok {
			db.dropped = append(db.dropped, name)
		}
	}
	db.text = kept.String()
	return db, nil
}

// reader returns the valid lines, or nil if there is no file.
func (db database) reader() io.Reader {
	if !db.exists {
		return nil
	}
	return strings.NewReader(db.text)
}

// lack says why a name is not found.
func (db database) lack(file, name string) string {
	if !db.exists {
		return fmt.Sprintf("there is no %s file to find %q in; a numeric id needs none", file, name)
	}
	for _, dropped := range db.dropped {
		if dropped == name {
			return fmt.Sprintf("the entry for %q in the %s file has no valid ids", name, file)
		}
	}
	return fmt.Sprintf("the %s file has no entry for %q", file, name)
}

// userName returns the name of the user that a lookup of spec has found: spec
// itself unless it is a number.
func (db database) userName(spec string, uid int) (string, error) {
	if _, err := strconv.Atoi(spec); err != nil {
		return spec, nil
	}
	if !db.exists {
		return "", nil
	}
	users, err := user.ParsePasswdFilter(db.reader(), func(u user.User) bool { return u.Uid == uid })
	if err != nil || len(users) == 0 {
		return "", err
	}
	return users[0].Name, nil
}

// aliases returns the names under which subordinate ids may be granted to an
// owner, a user name or a decimal user id: the owner as given, then the id or
// the name that the passwd file has for it. An owner without an entry there has
// no alias.
func (db database) aliases(owner string) ([]string, error) {
	names := []string{owner}
	if !db.exists {
		return names, nil
	}
	uid, err := strconv.ParseUint(owner, 10, 32)
	numeric := err == nil && uid <= math.MaxInt32
	users, err := user.ParsePasswdFilter(db.reader(), func(u user.User) bool {
		return u.Name == owner || numeric && u.Uid == int(uid)
	})
	if err != nil {
		return nil, err
	}
	for _, u := range users {
		switch {
		case u.Name == owner:
			return append(names, strconv.Itoa(u.Uid)), nil
		case numeric:
			return append(names, u.Name), nil
		}
	}
	return names, nil
}
