package main

import (
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox/internal/needs"
)

// volume makes a named volume that belongs to a user.
func (e *engine) volume(name string, uid int) string {
	e.t.Helper()
	dir := filepath.Join(e.dir, "dockerrun/volumes", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		e.t.Fatal(err)
	}
	for _, d := range []string{"dockerrun", "dockerrun/volumes"} {
		if err := os.Chmod(filepath.Join(e.dir, d), 0o700); err != nil {
			e.t.Fatal(err)
		}
	}
	if err := os.Chown(dir, uid, uid); err != nil {
		e.t.Fatal(err)
	}
	return dir
}

// A database server and a web server, with the flags of the listing. The
// database works, its limits are in force, and stats prints what Docker does.
func TestDatabase(t *testing.T) {
	needs.Root(t, "an ordinary caller has no cgroup")
	needs.Program(t, "mariadb", "mariadbd", "mariadb-install-db")
	e := newEngine(t)
	data := e.volume("data", 65534)
	e.ok("run", "--rm", "-v", "data:/data", "host", "mariadb-install-db", "--no-defaults", "--datadir=/data", "--skip-test-db", "--auth-root-authentication-method=normal")
	e.ok("run", "-d", "--name", "db", "--memory", "256m", "--cpu-shares", "1024", "--cap-drop", "net_raw", "-e", "MYSQL_ROOT_PASSWORD=test", "-v", "data:/data",
		"host", "mariadbd", "--no-defaults", "--datadir=/data", "--socket=/data/socket", "--skip-networking", "--innodb-buffer-pool-size=64M")
	e.ok("run", "-d", "-P", "--name", "web", "--memory", "512m", "--cpu-shares", "512", "--cap-drop", "net_raw", "host", "sleep", "1000")
	e.waitFor("ready for connections", "logs", "db")

	query := exec.Command("mariadb", "--no-defaults", "--user=root", "--batch", "--skip-column-names", "--socket="+data+"/socket", "--execute=SELECT 6 * 7")
	if out, err := query.CombinedOutput(); err != nil || string(out) != "42\n" {
		t.Errorf("the server says %q, %v", out, err)
	}
	e.equal("256m 268435456 1024 [net_raw] false", "inspect", "-f", "256m {{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.CapDrop}} {{.HostConfig.PublishAllPorts}}", "db")
	e.equal("536870912 512 true", "inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}} {{.HostConfig.PublishAllPorts}}", "web")
	e.equal("[MYSQL_ROOT_PASSWORD=test]", "inspect", "-f", "{{.Config.Env}}", "db")

	stats := e.ok("stats", "--no-stream")
	lines := strings.Split(strings.TrimSpace(stats), "\n")
	columns := regexp.MustCompile(` {2,}`).Split(lines[0], -1)
	want := []string{"CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS", "THROTTLED"}
	if len(lines) != 3 || !slices.Equal(columns, want) {
		t.Fatalf("stats prints\n%s", stats)
	}
	for i, row := range []string{
		`^[0-9a-f]{12} +db +[\d.]+% +[\d.]+MiB / 256MiB +([\d.]+)% +0B / 0B +\S+ / \S+ +\d+ +0 of 0 periods$`,
		`^[0-9a-f]{12} +web +[\d.]+% +[\d.]+[KM]iB / 512MiB +([\d.]+)% +0B / 0B +\S+ / \S+ +1 +0 of 0 periods$`,
	} {
		m := regexp.MustCompile(row).FindStringSubmatch(lines[i+1])
		if m == nil {
			t.Errorf("stats prints %q, want %s", lines[i+1], row)
			continue
		}
		var percent float64
		if fmt.Sscan(m[1], &percent); percent <= 0 || percent > 90 {
			t.Errorf("memory use of %s%%", m[1])
		}
	}
	e.equal("db\nweb", "stop", "db", "web")
}

// A device is there under the name that it is given, and usable; others are
// not, and neither is it without the flag.
func TestDevice(t *testing.T) {
	needs.Root(t, "an ordinary caller has no devices to give")
	e := newEngine(t)
	for range 2 {
		s := onTerminal(t, e, "run", "-it", "--rm", "--device", "/dev/zero:/dev/video0", "host", "sh", "-c", "ls -al /dev; head -c 2 /dev/video0 | od -An -tx1; echo done")
		out := s.expect(`(?s)total.*done`)
		for _, line := range []string{`(?m)^crw-\S+ +1 nobody +nogroup +1, +5 .* video0\r$`, `(?m)^ 00 00\r$`} {
			if !regexp.MustCompile(line).MatchString(out) {
				t.Errorf("no %s in\n%s", line, out)
			}
		}
		if strings.Contains(out, "ttyS0") || strings.Contains(out, "mem") {
			t.Errorf("more devices than asked for:\n%s", out)
		}
		s.wait()
	}
	e.equal("no", "run", "--rm", "host", "sh", "-c", "test -e /dev/video0 || echo no")
	// Nobody makes the node of another device: this one is the kernel's memory.
	e.fails(1, "Permission denied", "run", "--rm", "-u", "root", "--userns", "host", "--cap-add", "mknod", "--device", "/dev/zero:/dev/video0",
		"host", "mknod", "/tmp/mem", "c", "1", "1")
	e.fails(125, "look at the device /dev/no-such: no such file", "run", "--device", "/dev/no-such", "host", "true")
}

// A name server as nobody with one capability; a privileged job configures its
// network, and not the host's.
func TestServiceAndJob(t *testing.T) {
	needs.Root(t, "joining a namespace needs CAP_SYS_ADMIN")
	needs.Program(t, "dnsmasq", "getent", "ip")
	e := newEngine(t)
	resolver := filepath.Join(shared(t), "resolv.conf")
	if err := os.WriteFile(resolver, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	e.ok("run", "-d", "--rm", "--name", "dns", "-u", "nobody", "--cap-drop", "all", "--cap-add", "net_bind_service", "host", "dnsmasq", "--keep-in-foreground",
		"--conf-file=/dev/null", "--pid-file=", "--log-facility=-", "--bind-interfaces", "--no-resolv", "--no-hosts", "--local=/#/", "--address=/example/192.0.2.7")
	e.waitFor("started, version", "logs", "dns")
	ask := []string{"-u", "nobody", "-v", resolver + ":/etc/resolv.conf:ro", "host", "getent", "ahosts", "www.example"}
	if out := e.ok(append([]string{"run", "--rm", "--net", "container:dns"}, ask...)...); !strings.HasPrefix(out, "192.0.2.7 ") {
		t.Errorf("the answer is %q", out)
	}
	e.fails(2, "", append([]string{"run", "--rm"}, ask...)...)
	e.ok("run", "-d", "--name", "refused", "-u", "nobody", "--cap-drop", "net_bind_service", "host", "sh", "-c", "dnsmasq -k -C /dev/null -x '' -8 - -z; sleep 1000")
	e.waitFor("Permission denied", "logs", "refused")

	const sysctl = "/proc/sys/net/ipv4/ip_forward"
	before, err := os.ReadFile(sysctl)
	if err != nil {
		t.Fatal(err)
	}
	turned := string('0' + '1' - before[0])
	e.ok("run", "--rm", "--privileged", "--network", "container:dns", "host", "sh", "-c", "echo "+turned+" > "+sysctl+" && ip address add 192.0.2.1/32 dev lo")
	e.equal(turned, "run", "--rm", "--net", "container:dns", "host", "cat", sysctl)
	if out := e.ok("run", "--rm", "--net", "container:dns", "host", "ip", "-brief", "address"); !strings.Contains(out, "192.0.2.1/32") {
		t.Errorf("addresses of the service: %s", out)
	}
	if after, err := os.ReadFile(sysctl); err != nil || string(after) != string(before) {
		t.Errorf("the host's setting was %s and is %s", before, after)
	}
	e.fails(2, "Read-only file system", "run", "--rm", "--net", "container:dns", "host", "sh", "-c", "echo "+turned+" > "+sysctl)
}

// A browser as a limited user, with limits, renders a page of its own.
func TestBrowser(t *testing.T) {
	needs.Root(t, "an ordinary caller has no cgroup")
	needs.Program(t, "chromium")
	e := newEngine(t)
	page, out := shared(t), e.volume("out", 65534)
	if err := os.WriteFile(page+"/page.html", []byte(`<body style="background: rgb(10, 200, 30)">`), 0o644); err != nil {
		t.Fatal(err)
	}
	e.ok("run", "--rm", "-u", "nobody", "--cap-drop", "all", "--memory", "512m", "--cpus", "1.5", "--pids-limit", "200", "-v", page+":/page:ro", "-v", "out:/out",
		"-v", "/etc/chromium.d:/etc/chromium.d:ro", "host", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
		"--disable-background-networking", "--disable-component-update", "--user-data-dir=/tmp/profile", "--window-size=200,200", "--screenshot=/out/page.png", "file:///page/page.html")
	f, err := os.Open(out + "/page.png")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if r, g, b, _ := picture.At(100, 100).RGBA(); r>>8 != 10 || g>>8 != 200 || b>>8 != 30 {
		t.Errorf("the page is %v", picture.At(100, 100))
	}
}

// Labels and profiles are in force where the kernel has the LSM (the virtual
// machines' tests), and an error that says so where it has not.
func TestSecurityLabels(t *testing.T) {
	e := newEngine(t)
	e.ok("run", "--rm", "--security-opt", "label:disable", "host", "true")
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err != nil {
		for _, label := range []string{"user:u", "role:r", "type:svirt_t", "level:s0:c1,c2"} {
			e.fails(125, "selinux cannot be enforced: SELinux is not active", "run", "--security-opt", "label:"+label, "host", "true")
			e.fails(125, "selinux cannot be enforced: SELinux is not active", "run", "--security-opt", "label="+label, "host", "true")
		}
	}
	if _, err := os.Stat("/sys/kernel/security/apparmor/profiles"); err != nil {
		e.fails(125, "apparmor cannot be enforced: AppArmor is not active", "run", "--security-opt", "apparmor:docker-default", "host", "true")
	}
	e.fails(125, "--security-opt(label:colour:red)", "run", "--security-opt", "label:colour:red", "host", "true")
}

// The root is nosuid unless new privileges are asked for.
func TestPolicy(t *testing.T) {
	h := newHost(t.TempDir())
	for flags, want := range map[string]string{
		"/srv true": "[] ",
		"--security-opt no-new-privileges=false host true":                 "[] ",
		"--security-opt no-new-privileges=false /srv true":                 "[/] ",
		"--security-opt no-new-privileges=false -v /usr:/data /srv true":   "[/data /] ",
		"--remap --security-opt no-new-privileges=false /srv true":         "[/] dockremap",
		"--remap --userns host -u root host true":                          "[] ",
		"--remap --security-opt no-new-privileges -v /usr:/data host true": "[] dockremap",
	} {
		o := order{Args: strings.Fields(flags), Dir: "/"}
		if o.Args[0] == "--remap" {
			o.Args, o.Remap = o.Args[1:], "dockremap"
		}
		d, err := h.parse(o)
		if err != nil {
			t.Fatal(err)
		}
		s, err := policy(o, d)
		if err != nil {
			t.Fatal(err)
		}
		if c := s.Config(); fmt.Sprint(c.SUID, " ", c.UserRemap) != want {
			t.Errorf("%s: %v %s, want %s", flags, c.SUID, c.UserRemap, want)
		}
		s.Close()
	}
}
