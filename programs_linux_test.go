package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// ordinaryProgram is something that people run, and that must work in a
// sandbox: a shell script and what it prints.
type ordinaryProgram struct {
	name   string
	needs  []string // programs of the system directories
	script string   // runs in /tmp
	want   string   // without space around it

	// work says why the program needs a directory of the host to write to, at
	// /work, beyond the default view; empty if it does not.
	work string
}

var ordinaryPrograms = []ordinaryProgram{
	{
		name: "shell",
		script: `
			double() { echo $(( $1 * 2 )); }
			for i in 1 2 3; do double $i; done | sort -rn | tr '\n' ' '
			cat <<-END | { read a b; echo "$b $a"; }
				world hello
			END
			(exit 7) & wait $!; echo "status $?"
			trap 'echo trapped' TERM; kill $$
			printf '#!/bin/sh\necho "script $1"\n' > script; chmod +x script; ./script ran
			mkfifo pipe; echo through > pipe & cat pipe
			echo "$HOME $USER" | grep -c '^/tmp ..*'`,
		want: "6 4 2 hello world\nstatus 7\ntrapped\nscript ran\nthrough\n1",
	},
	{
		name:  "bash",
		needs: []string{"bash"},
		script: `bash -c '
			set -euo pipefail
			declare -A n=([a]=1 [b]=2); echo "${n[a]} ${n[b]}"
			diff <(seq 3) <(printf "1\n2\n3\n") && echo same
			coproc cat; echo back >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"'`,
		want: "1 2\nsame\nback",
	},
	{
		name:  "coreutils",
		needs: []string{"sha256sum", "timeout", "xargs", "find", "sed", "awk"},
		script: `
			seq 1000 | shuf | sort -n | awk '{ s += $1 } END { print s }'
			printf abc | sha256sum | cut -c1-16
			mkdir -p a/b/c && echo text > a/b/c/f && ln -s b/c/f a/link && ln a/b/c/f a/hard
			stat -c %h a/hard; cat a/link | tee copy | wc -c
			cp -a a z && rm -r a && find z -type f | sort | xargs -n1 basename | paste -sd,
			dd if=/dev/urandom of=big bs=1M count=8 status=none && split -b 3M big part. && cat part.* | cmp - big && ls part.* | wc -l
			mv big moved && truncate -s 100 moved && stat -c %s moved
			timeout 0.01 sleep 60; echo "timeout $?"
			echo 'b a' | sed 's/\(.\) \(.\)/\2 \1/' | tr a-z A-Z
			touch -d 2001-02-03 old && date -u -r old +%F
			nproc >/dev/null && df /tmp >/dev/null && id -un >/dev/null && env >/dev/null && echo done`,
		want: "500500\nba7816bf8f01cfea\n2\n5\nf,hard\n3\n100\ntimeout 124\nA B\n2001-02-03\ndone",
	},
	{
		name:  "python threads and processes",
		needs: []string{"python3"},
		script: `cat > main.py <<'END'
import concurrent.futures, multiprocessing, os, pty, sqlite3, subprocess, sys, tempfile, threading

def square(n):
    return n * n

if __name__ == "__main__":
    total, lock = [0], threading.Lock()
    def add(n):
        with lock:
            total[0] += n
    threads = [threading.Thread(target=add, args=(n,)) for n in range(50)]
    for t in threads: t.start()
    for t in threads: t.join()
    print("threads", total[0])
    print("subprocess", subprocess.run(["tr", "a-z", "A-Z"], input="abc", capture_output=True, text=True, check=True).stdout)
    with multiprocessing.Pool(4) as pool:
        print("pool", sum(pool.map(square, range(10))))
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        print("spawned", sum(pool.map(square, range(5))))
    with tempfile.TemporaryDirectory() as d:
        db = sqlite3.connect(os.path.join(d, "db"))
        db.execute("create table t (n)"); db.executemany("insert into t values (?)", [(1,), (2,)]); db.commit()
        print("sqlite", db.execute("select sum(n) from t").fetchone()[0])
    sys.stdout.flush()
    pty.spawn(["sh", "-c", "test -t 0 && echo terminal"], stdin_read=lambda fd: b"")
END
python3 main.py </dev/null | tr -d '\r'`,
		want: "threads 1225\nsubprocess ABC\npool 285\nspawned 30\nsqlite 3\nterminal",
	},
	{
		name:  "python and curl over loopback",
		needs: []string{"python3", "curl"},
		script: `cat > main.py <<'END'
import http.server, socket, subprocess, threading, urllib.request
open("page.txt", "w").write("over loopback\n")
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
for server, url in (http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet), "http://localhost:%d/page.txt"), (Six(("::1", 0), Quiet), "http://[::1]:%d/page.txt"):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url %= server.server_address[1]
    print("urllib", urllib.request.urlopen(url).read().decode(), end="")
    print("curl", subprocess.run(["curl", "-sS", "--fail", url], capture_output=True, text=True, check=True).stdout, end="")
    server.shutdown()
END
python3 main.py`,
		want: "urllib over loopback\ncurl over loopback\nurllib over loopback\ncurl over loopback",
	},
	{
		name:  "node with worker threads",
		needs: []string{"node"},
		script: `cat > main.js <<'END'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const { execFileSync } = require('child_process');
const http = require('http'), fs = require('fs'), crypto = require('crypto'), zlib = require('zlib');
if (!isMainThread) {
  let n = 0;
  for (let i = 0; i < 1e6; i++) n += workerData;
  parentPort.postMessage(n);
} else (async () => {
  const work = n => new Promise((ok, bad) => new Worker(__filename, { workerData: n }).on('message', ok).on('error', bad));
  console.log('workers', (await Promise.all([1, 2, 3, 4].map(work))).join(' '));
  console.log('child', execFileSync('tr', ['a-z', 'A-Z'], { input: 'abc' }).toString());
  fs.writeFileSync('file', zlib.gzipSync('zipped'));
  console.log('zlib', zlib.gunzipSync(fs.readFileSync('file')).toString());
  console.log('crypto', crypto.pbkdf2Sync('p', 's', 10, 8, 'sha256').length);
  const server = http.createServer((q, r) => r.end('over loopback')).listen(0, '127.0.0.1', () =>
    http.get({ port: server.address().port, host: '127.0.0.1' }, r => {
      r.on('data', d => console.log('http', d.toString()));
      r.on('end', () => server.close());
    }).on('close', () => process.exit(0)));
})();
END
node main.js`,
		want: "workers 1000000 2000000 3000000 4000000\nchild ABC\nzlib zipped\ncrypto 8\nhttp over loopback",
	},
	{
		name:  "go build",
		work:  "its cache is too large for /tmp",
		needs: []string{"/usr/local/go/bin/go"},
		script: `
			export PATH=$PATH:/usr/local/go/bin HOME=/work GOCACHE=/work/cache GOTMPDIR=/work GOPATH=/work/go
			export GOPROXY=off GOTOOLCHAIN=local GOTELEMETRY=off CGO_ENABLED=0 GOFLAGS=-buildvcs=false
			mkdir /work/main && cd /work/main
			cat > main.go <<-END
				package main

				import "sync"

				func sum(n int) (total int) {
					var mu sync.Mutex
					var all sync.WaitGroup
					for i := range n {
						all.Go(func() { mu.Lock(); defer mu.Unlock(); total += i })
					}
					all.Wait()
					return total
				}

				func main() { print(sum(100), "\n") }
			END
			go mod init example.org/main 2>/dev/null
			go build -o main . && ./main 2>&1`,
		want: "4950",
	},
	{
		name:  "gcc and make",
		needs: []string{"gcc", "make"},
		script: `
			cat > main.c <<-END
				#include <math.h>
				#include <pthread.h>
				#include <stdio.h>
				#include <threads.h>
				static void *work(void *n) { *(double *)n = sqrt(*(double *)n); return 0; }
				int main(void) {
					pthread_t t; double n = 1764;
					if (pthread_create(&t, 0, work, &n) || pthread_join(t, 0)) return 1;
					printf("%.0f\n", n);
				}
			END
			printf 'all: main static\nmain: main.c\n\tgcc -O2 -pthread -o $@ $< -lm\nstatic: main.c\n\tgcc -static -o $@ $< -lm\n' > Makefile
			make -s -j4 && ./main && ./static`,
		want: "42\n42",
	},
	{
		name:  "git",
		needs: []string{"git"},
		script: `
			git init -q -b main one && cd one
			git config user.name Someone && git config user.email someone@example.org
			echo first > file && git add file && git commit -qm 'Add a file'
			git checkout -qb topic && echo second >> file && git commit -qam 'Change it'
			git checkout -q main && git merge -q topic && git gc -q && git fsck 2>/dev/null
			cd .. && git clone -q one two && git -C two log --format=%s && cat two/file`,
		want: "Change it\nAdd a file\nfirst\nsecond",
	},
	{
		name:  "tar",
		needs: []string{"tar", "gzip", "bzip2", "xz"},
		script: `
			mkdir -p in/deep && seq 1000 > in/deep/numbers && ln -s deep/numbers in/link && chmod 640 in/deep/numbers
			for z in gzip bzip2 xz; do
				tar -c --$z -f a.tar.$z in && mkdir $z && tar -x -C $z -f a.tar.$z && diff -r in $z/in && stat -c %a $z/in/deep/numbers
			done
			tar -tf a.tar.gzip | wc -l`,
		want: "640\n640\n640\n4",
	},
	{
		name:  "openssl",
		needs: []string{"openssl"},
		script: `
			printf abc | openssl dgst -sha256 -r | cut -c1-16
			openssl genrsa -out key.pem 2048 2>/dev/null && openssl rsa -in key.pem -pubout -out pub.pem 2>/dev/null
			echo message > m && openssl dgst -sha256 -sign key.pem -out sig m && openssl dgst -sha256 -verify pub.pem -signature sig m
			openssl req -x509 -key key.pem -subj /CN=sandbox -days 2 -out cert.pem && openssl x509 -in cert.pem -noout -subject
			openssl rand 16 | wc -c
			echo secret | openssl enc -aes-256-cbc -pbkdf2 -k pw | openssl enc -d -aes-256-cbc -pbkdf2 -k pw`,
		want: "ba7816bf8f01cfea\nVerified OK\nsubject=CN = sandbox\n16\nsecret",
	},
	{
		name:  "perl",
		needs: []string{"perl"},
		script: `
			perl -MList::Util=sum -e '
				pipe(R, W); my $pid = fork;
				if (!$pid) { close R; print W "from the child\n"; exit 3 }
				close W; print <R>; waitpid $pid, 0; print $? >> 8, "\n";
				(my $s = "a1b22") =~ s/(\d+)/<$1>/g; print "$s ", sum(1 .. 10), "\n";
				alarm 60; my @names = getpwuid $>; print length $names[0] ? "named\n" : "no name\n"'`,
		want: "from the child\n3\na<1>b<22> 55\nnamed",
	},
	{
		name:  "names and locales",
		needs: []string{"getent", "hostname", "locale", "iconv"},
		script: `
			hostname; getent hosts localhost >/dev/null && getent passwd root | cut -d: -f1,3
			test "$(getent passwd "$(id -u)" | cut -d: -f1)" = "$USER" && echo me
			getent services https | tr -s ' '
			locale charmap; printf '\303\251' | iconv -f UTF-8 -t LATIN1 | od -An -tx1 | tr -d ' '
			TZ=Asia/Tokyo date -d @0 +%H`,
		want: "sandbox\nroot:0\nme\nhttps 443/tcp\nUTF-8\ne9\n09",
	},
}

// TestOrdinaryPrograms runs them with no options but those that they say they
// need.
func TestOrdinaryPrograms(t *testing.T) {
	for _, p := range ordinaryPrograms {
		t.Run(p.name, func(t *testing.T) {
			for _, name := range p.needs {
				needsProgram(t, name)
			}
			var opts []sandbox.Option
			if p.work != "" {
				t.Logf("with a writable bind: %s", p.work)
				opts = append(opts, sandbox.WithBind(ownedDir(t), "/work"))
			}
			var stdout, stderr strings.Builder
			cmd := exec.Command("sh", "-c", p.script)
			cmd.Dir, cmd.Stdout, cmd.Stderr = "/tmp", &stdout, &stderr
			result, err := sandbox.Run(t.Context(), cmd, opts...)
			if err != nil {
				t.Errorf("%v", err)
			}
			if got := strings.TrimSpace(stdout.String()); got != p.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, p.want)
			}
			if t.Failed() {
				t.Logf("result %+v\nstderr:\n%s", result, &stderr)
			}
		})
	}
}

// needsProgram skips the test if a program is not in the directories that the
// default view shows: what a PATH with other directories has does not count.
// Where the machine is set up for these tests, that is a failure.
func needsProgram(t *testing.T, name string) {
	t.Helper()
	for _, dir := range []string{"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin"} {
		if filepath.IsAbs(name) {
			dir = ""
		}
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return
		}
	}
	if os.Getenv("SANDBOX_TEST_PROGRAMS") == "required" {
		t.Fatalf("needs %s: not installed", name)
	}
	t.Skipf("needs %s: not installed", name)
}

// ownedDir is a directory of the host that the sandbox's default user may
// write to: the caller itself, and nobody for a caller that is root.
func ownedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		const nobody = 65534
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
