package sandbox_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// program is a small static program that ends at once, so that the start
// itself is measured.
func program(b *testing.B) string {
	b.Helper()
	for _, p := range []string{"/bin/busybox", "/usr/bin/busybox"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	b.Skip("needs busybox: not installed")
	return ""
}

// bwrap is the command line of bubblewrap for about the same sandbox.
func bwrap(b *testing.B, program string) func() *exec.Cmd {
	path, err := exec.LookPath("bwrap")
	if err != nil {
		b.Skip("needs bwrap: not installed")
	}
	return func() *exec.Cmd {
		return exec.Command(path, "--unshare-all", "--die-with-parent", "--new-session",
			"--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64",
			"--ro-bind", "/etc/ld.so.cache", "/etc/ld.so.cache", "--ro-bind", "/etc/alternatives", "/etc/alternatives",
			"--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--", program, "true")
	}
}

// median of the durations.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

// BenchmarkColdStart runs the ways in turn, so that a change of the machine's
// speed meets all of them, and reports the median of each and the ratios.
func BenchmarkColdStart(b *testing.B) {
	path := program(b)
	other := bwrap(b, path)
	s, err := sandbox.New()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	ways := []struct {
		name string
		run  func() error
	}{
		{"exec", func() error { return exec.Command(path, "true").Run() }},
		{"sandbox", func() error { _, err := s.Run(context.Background(), exec.Command(path, "true")); return err }},
		{"bwrap", func() error { return other().Run() }},
	}
	times := make([][]time.Duration, len(ways))
	for b.Loop() {
		for i, w := range ways {
			begin := time.Now()
			if err := w.run(); err != nil {
				b.Fatal(w.name, err)
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	m := make([]time.Duration, len(ways))
	for i, w := range ways {
		m[i] = median(times[i])
		b.ReportMetric(float64(m[i].Microseconds()), w.name+"-us")
	}
	b.ReportMetric(float64(m[1])/float64(m[2]), "sandbox/bwrap")
	b.ReportMetric(float64(m[1])/float64(m[0]), "sandbox/exec")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkHostHeap compares starts in a program with a small heap and with a
// large one.
func BenchmarkHostHeap(b *testing.B) {
	path := program(b)
	s, err := sandbox.New()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	run := func(n int) time.Duration {
		times := make([]time.Duration, n)
		for i := range times {
			begin := time.Now()
			if _, err := s.Run(context.Background(), exec.Command(path, "true")); err != nil {
				b.Fatal(err)
			}
			times[i] = time.Since(begin)
		}
		return median(times)
	}
	var ratios []float64
	for b.Loop() {
		small := run(50)
		heap := touch(2 << 30)
		large := run(50)
		runtime.KeepAlive(heap)
		heap = nil
		runtime.GC()
		ratios = append(ratios, float64(large)/float64(small))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "2GiB/small")
	b.ReportMetric(0, "ns/op")
}

func touch(n int) []byte {
	heap := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		heap[i] = 1
	}
	return heap
}
