// Browser renders a page with Chromium in a sandbox: a limited user, 512 MiB of
// memory, one CPU, 200 processes, the devices that are named and no network but
// a loopback interface of its own, on which the page is served. The page itself
// tries what it can reach, and paints it.
//
//	go run ./examples/browser -o page.png
//
// It needs Debian's chromium and python3, and a cgroup for the limits. Without
// one, as for most ordinary users, it says so and ends; -best-effort runs the
// browser without the limits.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/seed-d1379373/sandbox"
)

//go:embed page.html
var page []byte

// policy is what the browser and the server of its page are held to. Its own
// sandbox is made of the same namespaces, which the filter refuses inside this
// one; so it runs without, as one program that is not trusted.
func policy(dir string, devices ...string) []sandbox.Option {
	return []sandbox.Option{
		sandbox.WithMemory(512 << 20),
		sandbox.WithCPUs(1),
		sandbox.WithPids(200),
		sandbox.WithDevice(devices...),
		sandbox.WithReadOnlyBind(dir, "/page"),
		sandbox.WithReadOnlyBind("/etc/chromium.d", "/etc/chromium.d"), // Debian's start script reads it
	}
}

var chromium = []string{
	"chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
	"--disable-background-networking", "--disable-component-update", "--user-data-dir=/tmp/profile",
}

// A tab is a sandbox with a page that is served inside.
type tab struct {
	*sandbox.Process
	url string
}

// open starts the server of the page, and returns when it takes connections.
func open(ctx context.Context, opts []sandbox.Option) (*tab, error) {
	server := exec.Command("python3", "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", "/page", "0")
	stdout, err := server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := sandbox.Start(ctx, server, opts...)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n') // Serving HTTP on 127.0.0.1 port 41799 (http://127.0.0.1:41799/) ...
	from, to := strings.Index(line, "(")+1, strings.LastIndex(line, "/)")
	if err != nil || from > to {
		p.Kill()
		_, ended := p.Wait()
		return nil, errors.Join(fmt.Errorf("the server said %q", line), ended)
	}
	return &tab{p, line[from:to]}, nil
}

// run runs one more command beside the server and returns what it prints.
func (t *tab) run(ctx context.Context, args ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if _, err := t.Exec(ctx, cmd); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", args[0], err, &stderr)
	}
	return stdout.Bytes(), nil
}

// render has the browser draw the page.
func (t *tab) render(ctx context.Context, hostPort string) (image.Image, error) {
	const file = "/tmp/page.png" // inside; it ends with the sandbox
	if _, err := t.run(ctx, append(chromium, "--window-size=400,300", "--virtual-time-budget=2000",
		"--screenshot="+file, t.url+"/page.html?"+hostPort)...); err != nil {
		return nil, err
	}
	data, err := t.run(ctx, "cat", file)
	if err != nil {
		return nil, err
	}
	return png.Decode(bytes.NewReader(data))
}

// read has the browser open a file, and returns the document that it shows.
func (t *tab) read(ctx context.Context, path string) (string, error) {
	document, err := t.run(ctx, append(chromium, "--dump-dom", "file://"+path)...)
	return string(document), err
}

// close ends everything in the sandbox.
func (t *tab) close() *sandbox.Result {
	t.Kill()
	result, _ := t.Wait() // that it was killed
	return result
}

// squares are what the page paints, and the colours that say what it found.
var squares = []struct {
	what    string
	x       int
	answers map[color.RGBA]string
}{
	{"the page was rendered", 50, map[color.RGBA]string{{200, 30, 30, 255}: "yes"}},
	{"its script ran", 150, map[color.RGBA]string{{30, 120, 200, 255}: "yes"}},
	{"it reached its own server", 250, reached},
	{"it reached a server of the host", 350, reached},
}

var reached = map[color.RGBA]string{{30, 160, 60, 255}: "yes", {40, 40, 40, 255}: "no"}

// answers reads the squares of a picture.
func answers(picture image.Image) []string {
	var out []string
	for _, s := range squares {
		c := color.RGBAModel.Convert(picture.At(s.x, 50)).(color.RGBA)
		answer, ok := s.answers[c]
		if !ok {
			answer = fmt.Sprint("unknown: ", c)
		}
		out = append(out, answer)
	}
	return out
}

// pageDir is a directory of the host with the page, which everyone may read.
func pageDir() (string, error) {
	dir, err := os.MkdirTemp("", "browser-")
	if err != nil {
		return "", err
	}
	return dir, errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "page.html"), page, 0o644))
}

// serveOnHost is what the page must not reach.
func serveOnHost() (port string, stop func()) {
	server := httptest.NewServer(http.NotFoundHandler())
	return server.URL[strings.LastIndex(server.URL, ":")+1:], server.Close
}

func run(ctx context.Context, output string, extra ...sandbox.Option) error {
	dir, err := pageDir()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	port, stop := serveOnHost()
	defer stop()
	t, err := open(ctx, append(policy(dir), extra...))
	if err != nil {
		return err
	}
	defer t.close()
	picture, err := t.render(ctx, port)
	if err != nil {
		return err
	}
	for i, answer := range answers(picture) {
		fmt.Printf("%-32s %s\n", squares[i].what, answer)
	}
	stats, err := t.Stats()
	if err == nil {
		fmt.Printf("%-32s %d of %d MiB\n", "memory at its peak", stats.Memory.Peak>>20, stats.Memory.Limit>>20)
	}
	for _, m := range t.close().Report.Missing() {
		fmt.Printf("not enforced: %s: %s; %s\n", m.Feature, m.Detail, m.Fix)
	}
	if output == "" {
		return nil
	}
	f, err := os.Create(output)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, picture), f.Close())
}

func main() {
	output := flag.String("o", "", "write the picture to this file")
	bestEffort := flag.Bool("best-effort", false, "run without the limits that this host cannot enforce")
	flag.Parse()
	var extra []sandbox.Option
	if *bestEffort {
		extra = append(extra, sandbox.WithBestEffort(sandbox.FeatureMemory, sandbox.FeatureCPU))
	}
	if err := run(context.Background(), *output, extra...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
