package namespace_test

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/moby/sys/user"

	"github.com/seed-d1379373/sandbox/namespace"
)

const (
	passwdText = `root:x:0:0:root:/root:/bin/sh
# a comment
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
alice:x:1000:1000:Alice:/home/alice:/bin/sh
twin:x:1000:1000:second of the id:/home/twin:/bin/sh
alice:x:2000:2000:second of the name:/home/alice2:/bin/sh
4242:x:7:7:a number for a name:/home/4242:/bin/sh
broken:x:abc:1000::/:
short:x
empty:x:::::
huge:x:4294967296:1::/:
+nis::::::
nohome:x:3000:3000
`
	groupText = `root:x:0:
nogroup:x:65534:
alice:x:1000:
audio:x:29:alice,nobody
video:x:44:bob,alice
broken:x:what:alice
4242:x:8:
`
)

func lookup(spec string) (namespace.Identity, error) {
	return namespace.LookupUser(spec, strings.NewReader(passwdText), strings.NewReader(groupText))
}

func TestLookupUser(t *testing.T) {
	for _, test := range []struct {
		spec string
		want namespace.Identity
	}{
		{"nobody", namespace.Identity{UID: 65534, GID: 65534, Groups: []uint32{29}, Name: "nobody", Home: "/nonexistent"}},
		{"nobody:nogroup", namespace.Identity{UID: 65534, GID: 65534, Name: "nobody", Home: "/nonexistent"}},
		{"root", namespace.Identity{Name: "root", Home: "/root"}},
		{"0", namespace.Identity{Name: "root", Home: "/root"}},
		{"alice", namespace.Identity{UID: 1000, GID: 1000, Groups: []uint32{29, 44}, Name: "alice", Home: "/home/alice"}},
		{"1000", namespace.Identity{UID: 1000, GID: 1000, Groups: []uint32{29, 44}, Name: "alice", Home: "/home/alice"}},
		{"alice:audio", namespace.Identity{UID: 1000, GID: 29, Name: "alice", Home: "/home/alice"}},
		{"alice:20000", namespace.Identity{UID: 1000, GID: 20000, Name: "alice", Home: "/home/alice"}},
		{"10000:20000", namespace.Identity{UID: 10000, GID: 20000}},
		{"10000:audio", namespace.Identity{UID: 10000, GID: 29}},
		{"10000:0", namespace.Identity{UID: 10000}},
		{"10000", namespace.Identity{UID: 10000, NoGroup: true}},
		{"4242", namespace.Identity{UID: 4242, NoGroup: true}},
		{"4242:4242", namespace.Identity{UID: 4242, GID: 4242}},
		{"2147483647:2147483647", namespace.Identity{UID: 1<<31 - 1, GID: 1<<31 - 1}},
		{"nohome", namespace.Identity{UID: 3000, GID: 3000, Name: "nohome"}},
	} {
		if got, err := lookup(test.spec); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%q: %+v, %v; want %+v", test.spec, got, err, test.want)
		}
	}
}

func TestLookupUserWithoutFiles(t *testing.T) {
	got, err := namespace.LookupUser("10000:20000", nil, nil)
	if want := (namespace.Identity{UID: 10000, GID: 20000}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	_, err = namespace.LookupUser("nobody", nil, nil)
	if want := `user "nobody": there is no passwd file to find "nobody" in; a numeric id needs none`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = namespace.LookupUser("0:adm", strings.NewReader(passwdText), nil)
	if want := `user "0:adm": there is no group file to find "adm" in`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestLookupUserRefuses(t *testing.T) {
	for _, test := range []struct {
		spec, reason string
		cause        error
	}{
		{"", "empty", nil},
		{":", "no user", nil},
		{":audio", "no user", nil},
		{"alice:", "no group", nil},
		{"alice:audio:video", "more than one colon", nil},
		{"-1", "sign", nil},
		{"+5", "sign", nil},
		{"1000:-1", "sign", nil},
		{"1000:+99999999999999999999", "sign", nil},
		{"alice\nroot", "control character", nil},
		{"2147483648", "out of range", user.ErrRange},
		{"4294967295", "out of range", user.ErrRange},
		{"99999999999999999999", "out of range", user.ErrRange},
		{"1:2147483648", "out of range", user.ErrRange},
		{"carol", `the passwd file has no entry for "carol"`, user.ErrNoPasswdEntries},
		{"Alice", `the passwd file has no entry for "Alice"`, user.ErrNoPasswdEntries},
		{"-alice", `the passwd file has no entry`, user.ErrNoPasswdEntries},
		{"# a comment", `the passwd file has no entry`, user.ErrNoPasswdEntries},
		{"alice:wheel", `the group file has no entry for "wheel"`, user.ErrNoGroupEntries},
		{"1000:wheel", `the group file has no entry for "wheel"`, user.ErrNoGroupEntries},
		// Each of these would be root if a missing or malformed id were read as 0.
		{"broken", `the entry for "broken" in the passwd file has no valid ids`, user.ErrNoPasswdEntries},
		{"short", `the entry for "short" in the passwd file has no valid ids`, user.ErrNoPasswdEntries},
		{"empty", `the entry for "empty" in the passwd file has no valid ids`, user.ErrNoPasswdEntries},
		{"huge", `the entry for "huge" in the passwd file has no valid ids`, user.ErrNoPasswdEntries},
		{"+nis", `the entry for "+nis" in the passwd file has no valid ids`, user.ErrNoPasswdEntries},
		{"alice:broken", `the entry for "broken" in the group file has no valid ids`, user.ErrNoGroupEntries},
	} {
		got, err := lookup(test.spec)
		var bad *namespace.UserError
		if !errors.As(err, &bad) || bad.Spec != test.spec || !reflect.DeepEqual(got, namespace.Identity{}) {
			t.Errorf("%q: %+v, %v; want a UserError", test.spec, got, err)
			continue
		}
		if !strings.Contains(bad.Reason, test.reason) || test.cause != nil && !errors.Is(err, test.cause) {
			t.Errorf("%q: %v; want the reason %q and the cause %v", test.spec, err, test.reason, test.cause)
		}
	}
}

func TestLookupUserReadErrors(t *testing.T) {
	broken := errors.New("broken")
	good := func() io.Reader { return strings.NewReader("") }
	for what, readers := range map[string][2]io.Reader{
		"passwd": {iotest.ErrReader(broken), good()},
		"group":  {good(), iotest.ErrReader(broken)},
	} {
		if _, err := namespace.LookupUser("1:2", readers[0], readers[1]); !errors.Is(err, broken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := namespace.LookupUser("1:2", endless{}, nil); err == nil {
		t.Error("an endless passwd file was read")
	}
}

func FuzzLookupUser(f *testing.F) {
	for _, spec := range []string{"nobody", "alice:audio", "10000:20000", "", ":", "a:b:c", "-1", "broken", "+5", "007"} {
		f.Add(spec, passwdText, groupText)
	}
	f.Add("x", "x:y:0", "x")
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		id, err := namespace.LookupUser(spec, strings.NewReader(passwd), strings.NewReader(group))
		if err != nil {
			var bad *namespace.UserError
			if !errors.As(err, &bad) || !reflect.DeepEqual(id, namespace.Identity{}) {
				t.Fatalf("%q: %+v, %#v", spec, id, err)
			}
			return
		}
		if id.UID > 1<<31-1 || id.GID > 1<<31-1 {
			t.Fatalf("%q: %+v is out of range", spec, id)
		}
		usr, _, _ := strings.Cut(spec, ":")
		zero := strings.Trim(usr, "0") == ""
		if id.UID == 0 && !zero && !strings.Contains(passwd, usr+":") {
			t.Fatalf("%q is root by an entry that passwd does not have: %q", spec, passwd)
		}
	})
}
