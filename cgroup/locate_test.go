package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func host(t testing.TB, name string) (mounts []mount, memberships []membership) {
	t.Helper()
	read := func(file string) string {
		text, err := os.ReadFile(filepath.Join("testdata", "hosts", name, file))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	mounts, err := parseMountinfo(read("mountinfo"))
	if err != nil {
		t.Fatal(err)
	}
	memberships, err = parseMemberships(read("cgroup"))
	if err != nil {
		t.Fatal(err)
	}
	return mounts, memberships
}

func TestLocate(t *testing.T) {
	for name, want := range map[string][]string{
		"v2-systemd": {"v2 [] /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope"},
		"v1-systemd": {
			"v1 [blkio] /sys/fs/cgroup/blkio/user.slice",
			"v1 [net_cls net_prio] /sys/fs/cgroup/net_cls,net_prio",
			"v1 [memory] /sys/fs/cgroup/memory/user.slice/user-0.slice/session-3.scope",
			"v1 [cpu cpuacct] /sys/fs/cgroup/cpu,cpuacct/user.slice",
			"v1 [name=systemd] /sys/fs/cgroup/systemd/user.slice/user-0.slice/session-3.scope",
		},
		"hybrid": {
			"v1 [memory] /sys/fs/cgroup/memory/agent/0900",
			"v1 [cpu] /sys/fs/cgroup/cpu",
			"v2 [] /sys/fs/cgroup/unified",
		},
		"docker-v1": {
			"v1 [memory] /sys/fs/cgroup/memory",
			"v1 [cpu cpuacct] /sys/fs/cgroup/cpu,cpuacct/inner",
		},
		"docker-v2-private":      {"v2 [] /sys/fs/cgroup"},
		"bind-outside-namespace": {"v2 [] none: the cgroup of this process, /, is not within the mounted part, /../.."},
		// Writable mounts come first, the last mounted of them before the others.
		"several-mounts": {"v2 [] /own group /jobs/1 /sys/fs/cgroup/jobs/1"},
	} {
		var got []string
		for _, l := range locate(host(t, name)) {
			line := fmt.Sprintf("v%d %v", l.version, l.controllers)
			for _, p := range l.places {
				line += " " + p.String()
			}
			if l.reason != "" {
				line += " none: " + l.reason
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", name, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
		}
	}
}

func TestLocateWithoutMounts(t *testing.T) {
	_, memberships := host(t, "hybrid")
	for _, l := range locate(nil, memberships) {
		if len(l.places) != 0 || l.reason == "" {
			t.Errorf("%v: places %v, reason %q", l.controllers, l.places, l.reason)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, tt := range []struct {
		root, cgroup, want string
		ok                 bool
	}{
		{"/", "/", "", true},
		{"/", "/a/b", "a/b", true},
		{"/a", "/a", "", true},
		{"/a", "/a/b", "b", true},
		{"/a", "/ab", "", false},
		{"/a", "/", "", false},
		{"/", "/../x", "", false},
		{"/..", "/../x", "x", true},
		{"/..", "/", "", false},
		{"/../x", "/../x/y", "y", true},
		{"/a", "/a/../b", "", false},
	} {
		if got, ok := below(tt.root, tt.cgroup); got != tt.want || ok != tt.ok {
			t.Errorf("below(%q, %q) = %q, %v; want %q, %v", tt.root, tt.cgroup, got, ok, tt.want, tt.ok)
		}
	}
}

func TestAncestors(t *testing.T) {
	for rel, want := range map[string][]string{"": {""}, "a": {"a", ""}, "a/b/c": {"a/b/c", "a/b", "a", ""}} {
		if got := ancestors(rel); !slices.Equal(got, want) {
			t.Errorf("ancestors(%q) = %q, want %q", rel, got, want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{
		`plain`: "plain", `a\040b`: "a b", `\011\012\134`: "\t\n\\", `\04`: `\04`, `\048`: `\048`, `\777`: `\777`, `end\`: `end\`, `\134040`: `\040`,
	} {
		if got := unescape(in); got != want {
			t.Errorf("unescape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMountOptions(t *testing.T) {
	mounts, err := parseMountinfo(`50 1 0:40 /x /m ro,relatime shared:1 master:2 - cgroup none rw,xattr,clone_children,release_agent=/bin/true,cpu,name=my\040job` + "\n")
	if err != nil || len(mounts) != 1 {
		t.Fatal(mounts, err)
	}
	m := mounts[0]
	if !m.readOnly || m.unified || !slices.Equal(m.controllers, []string{"cpu", "name=my job"}) {
		t.Errorf("%+v", m)
	}
}

func TestParsersRefuseNonsense(t *testing.T) {
	for _, text := range []string{"x", "1 2 3 4 5 6 7 8", "50 1 0:40 x /m rw - cgroup c rw", "50 1 0:40 / m rw - cgroup2 c rw"} {
		if _, err := parseMountinfo(text); err == nil {
			t.Errorf("mountinfo %q is accepted", text)
		}
	}
	for _, text := range []string{"x", "1:cpu", "a:cpu:/", "1:cpu:relative", "0:cpu:/", "1::/", "-1:cpu:/"} {
		if _, err := parseMemberships(text); err == nil {
			t.Errorf("cgroup %q is accepted", text)
		}
	}
	all, err := parseMemberships("3:cpu,cpuacct:/a:b/c d\n0::/x (deleted)\n")
	if err != nil || len(all) != 2 || all[0].path != "/a:b/c d" || all[1].path != "/x (deleted)" {
		t.Errorf("%+v, %v", all, err)
	}
}

func FuzzLocate(f *testing.F) {
	hosts, err := filepath.Glob("testdata/hosts/*")
	if err != nil || len(hosts) == 0 {
		f.Fatal("no hosts", err)
	}
	for _, dir := range hosts {
		mountinfo, err1 := os.ReadFile(filepath.Join(dir, "mountinfo"))
		cgroup, err2 := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err1 != nil || err2 != nil {
			f.Fatal(err1, err2)
		}
		f.Add(string(mountinfo), string(cgroup))
	}
	f.Fuzz(func(t *testing.T, mountinfo, cgroup string) {
		mounts, err1 := parseMountinfo(mountinfo)
		memberships, err2 := parseMemberships(cgroup)
		if err1 != nil || err2 != nil {
			return
		}
		for _, l := range locate(mounts, memberships) {
			if (len(l.places) == 0) == (l.reason == "") {
				t.Fatalf("%+v: either places or a reason", l)
			}
			for _, p := range l.places {
				if strings.HasPrefix(p.rel, "/") || slices.Contains(strings.Split(p.rel, "/"), "..") {
					t.Fatalf("place %q leaves its mount", p.rel)
				}
			}
		}
	})
}
