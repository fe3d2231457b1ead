// Device gives a sandbox one device of the host. It tries to open some devices on
// the host, in a sandbox without options, in one that has the first of them by
// WithDevice, and in one that sees all of them as files only.
//
//	go run ./examples/device
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"text/tabwriter"

	"github.com/seed-d1379373/sandbox"
)

// A device and how it is opened. Opening one of the candidates does nothing.
type device struct{ path, access string }

var candidates = []device{
	{"/dev/video0", "rw"},
	{"/dev/fuse", "rw"},
	{"/dev/net/tun", "rw"},
	{"/dev/loop-control", "rw"},
	{"/dev/vga_arbiter", "rw"},
	{"/dev/cpu_dma_latency", "rw"},
	{"/dev/hwrng", "r"},
	{"/dev/autofs", "r"},
	{"/dev/kmsg", "r"},
}

const opened = "opened"

// script prints a line for each device: opened, or why not.
func script(devices []device) string {
	var b strings.Builder
	for _, d := range devices {
		try := "dd if=" + d.path + " count=0"
		if d.access == "rw" {
			try += " && dd if=/dev/null of=" + d.path + " count=0 conv=notrunc,nocreat"
		}
		fmt.Fprintf(&b, "if m=$({ %s; } 2>&1); then echo %s; else echo \"${m##*: }\"; fi\n", try, opened)
	}
	return b.String()
}

// onHost tries the devices without a sandbox.
func onHost(ctx context.Context, devices []device) ([]string, error) {
	out, err := exec.CommandContext(ctx, "sh", "-c", script(devices)).Output()
	return lines(string(out)), err
}

// inside tries them in a sandbox.
func inside(ctx context.Context, devices []device, opts ...sandbox.Option) ([]string, error) {
	cmd := exec.Command("sh", "-c", script(devices))
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	if _, err := sandbox.Run(ctx, cmd, opts...); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, &failure)
	}
	return lines(out.String()), nil
}

func lines(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") }

// usable are the candidates that this host has and this program may open.
func usable(ctx context.Context) (devices []device, err error) {
	answers, err := onHost(ctx, candidates)
	for i, a := range answers {
		if a == opened {
			devices = append(devices, candidates[i])
		}
	}
	return devices, err
}

// bound shows devices as files, which gives no right to open them.
func bound(devices []device) (opts []sandbox.Option) {
	for _, d := range devices {
		opts = append(opts, sandbox.WithBind(d.path, d.path))
	}
	return opts
}

func run(ctx context.Context, w io.Writer) error {
	devices, err := usable(ctx)
	if err != nil {
		return err
	}
	if len(devices) == 0 {
		return errors.New("there is no device that this user may open; run as root")
	}
	named := devices[0]
	option := named.path + ":" + named.path + ":" + named.access
	none, err1 := inside(ctx, devices)
	with, err2 := inside(ctx, devices, sandbox.WithDevice(option))
	files, err3 := inside(ctx, devices, bound(devices)...)
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	t := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(t, "DEVICE\tON THE HOST\tNO OPTION\tWithDevice(%s)\tWithBind(all of them)\n", option)
	for i, d := range devices {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", d.path, opened, none[i], with[i], files[i])
	}
	return t.Flush()
}

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
