package soak

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/seed-d1379373/sandbox"
)

// programs are what people run, each with what it should print.
func programs() (out []Scenario) {
	for _, p := range []struct{ name, script, want string }{
		{"shell", `for i in 1 2 3; do echo $((i * 2)); done | sort -rn | tr '\n' ' '; (exit 7) & wait $!; echo "status $?"`, "6 4 2 status 7"},
		{"awk", `seq 1000 | awk '{ s += $1 } END { print s }'`, "500500"},
		{"tar", `mkdir in && seq 1000 > in/n && tar -cf - in | gzip | gunzip | tar -xOf - in/n | tail -1`, "1000"},
		{"dd", `dd if=/dev/urandom of=big bs=1M count=4 status=none && split -b 1M big part. && cat part.* | cmp - big && echo same`, "same"},
		{"perl", `perl -e '$s += $_ for 1 .. 100000; print "$s\n"'`, "5000050000"},
		{"python3", `python3 -c 'import subprocess, threading
t = [threading.Thread(target=lambda: None) for _ in range(8)]
[x.start() for x in t]; [x.join() for x in t]
print(subprocess.run(["tr", "a-z", "A-Z"], input="abc", capture_output=True, text=True).stdout)'`, "ABC"},
		{"node", `node -e 'console.log(require("zlib").gunzipSync(require("zlib").gzipSync("zipped")).toString())'`, "zipped"},
		{"git", `git init -q -b main r && cd r && git config user.name S && git config user.email s@example.org && echo x > f && git add f && git commit -qm m && git log --format=%s`, "m"},
		{"gcc", `printf 'int main(void) { return 42; }' > m.c && gcc -o m m.c && { ./m; echo $?; }`, "42"},
		{"openssl", `printf abc | openssl dgst -sha256 -r | cut -c1-16`, "ba7816bf8f01cfea"},
		{"curl", `curl -sS --max-time 5 http://localhost:1/ 2>&1 | grep -c 'Failed to connect\|Could not connect\|Couldn.t connect'`, "1"},
	} {
		out = append(out, Scenario{"program " + p.name, func(ctx context.Context, _ *Env) error {
			if _, err := exec.LookPath(p.name); err != nil && p.name != "shell" {
				return &sandbox.UnsupportedError{Feature: p.name, Reason: "not installed"}
			}
			out, res, err := shell(ctx, p.script, limited(sandbox.WithPids(128))...)
			if err == nil && out != p.want {
				err = fmt.Errorf("it printed %q", out)
			}
			if err != nil {
				return fmt.Errorf("%w, %+v: %s", err, res, out)
			}
			return nil
		}})
	}
	return out
}
