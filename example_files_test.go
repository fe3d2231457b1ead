//go:build linux

package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/seed-d1379373/sandbox"
)

// A root of one's own, with the host's programs bound into it.
func ExampleWithRootFS() {
	root, err := os.MkdirTemp("", "root-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(root)
	os.Chmod(root, 0o755) // whoever the command is must be able to enter it
	for _, dir := range []string{"proc", "dev", "tmp", "usr"} {
		os.Mkdir(filepath.Join(root, dir), 0o755)
	}
	for _, link := range []string{"bin", "lib", "lib64"} {
		os.Symlink(filepath.Join("usr", link), filepath.Join(root, link))
	}
	cmd := exec.Command("ls", "/")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithRootFS(root), sandbox.WithReadOnlyBind("/usr", "/usr")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// bin
	// dev
	// lib
	// lib64
	// proc
	// tmp
	// usr
}

// A directory of another user's is the command's own inside. Only root may map
// ids.
func ExampleWithIDMappedBind() {
	const owner = 3000
	dir, err := os.MkdirTemp("", "data-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.Chown(dir, owner, owner)
	os.Chmod(dir, 0o700)
	cmd := exec.Command("sh", "-c", "echo written inside > /data/file")
	_, err = sandbox.Run(context.Background(), cmd, sandbox.WithIDMappedBind(dir, "/data", owner, owner))

	st, _ := os.Stat(filepath.Join(dir, "file"))
	written := err == nil && st.Sys().(*syscall.Stat_t).Uid == owner
	refused := errors.Is(err, errors.ErrUnsupported)
	fmt.Println("written as the owner or refused:", written || refused)
	// Output:
	// written as the owner or refused: true
}

// The sandbox writes to a directory of the host.
func ExampleWithBind() {
	dir, err := os.MkdirTemp("", "data-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o777) // for a caller that is root, the command is nobody
	cmd := exec.Command("sh", "-c", "echo written inside > /data/file")
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithBind(dir, "/data")); err != nil {
		fmt.Println(err)
		return
	}
	content, err := os.ReadFile(filepath.Join(dir, "file"))
	fmt.Print(string(content))
	// Output:
	// written inside
}

func ExampleWithReadOnlyBind() {
	dir, err := os.MkdirTemp("", "data-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o777)
	os.WriteFile(filepath.Join(dir, "file"), []byte("read me\n"), 0o644)
	cmd := exec.Command("sh", "-c", "cat /data/file; touch /data/new")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	_, err = sandbox.Run(context.Background(), cmd, sandbox.WithReadOnlyBind(dir, "/data"))
	fmt.Println(err)
	// Output:
	// read me
	// touch: cannot touch '/data/new': Read-only file system
	// sandbox: command exited with status 1
}

func ExampleWithTmpfs() {
	cmd := exec.Command("sh", "-c", "head -c 2m /dev/zero > /scratch/file; stat -c %s /scratch/file")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithTmpfs("/scratch", 1<<20)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// head: error writing 'standard output': No space left on device
	// 1048576
}

func ExampleWithShmSize() {
	cmd := exec.Command("sh", "-c", "df -h --output=size /dev/shm | tail -n 1 | tr -d ' '")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithShmSize(16<<20)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 16M
}

func ExampleWithMask() {
	cmd := exec.Command("sh", "-c", "ls /usr/share | wc -l; cat /etc/passwd | wc -c")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithMask("/usr/share", "/etc/passwd")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0
	// 0
}

func ExampleWithHostname() {
	cmd := exec.Command("uname", "-n")
	cmd.Stdout = os.Stdout
	if _, err := sandbox.Run(context.Background(), cmd, sandbox.WithHostname("judge")); err != nil {
		fmt.Println(err)
	}
	// Output:
	// judge
}
