package seccomp

import (
	"runtime"
	"testing"
	"time"
)

func BenchmarkCompileDefault(b *testing.B) {
	target, err := NativeTarget()
	if err != nil {
		b.Skipf("no tables: %v", err)
	}
	var f Filter
	for b.Loop() {
		f = compile(b, Default(), target)
	}
	b.ReportMetric(float64(len(f)), "instructions")
	b.ReportMetric(float64(len(elasticFilter(b, elasticDefault(b, target)))), "elastic-instructions")
}

func BenchmarkElasticCompileDefault(b *testing.B) {
	target, err := NativeTarget()
	if err != nil {
		b.Skipf("no tables: %v", err)
	}
	for b.Loop() {
		elasticFilter(b, elasticDefault(b, target))
	}
}

// The time of the system call that loads a filter, by its length: the filter
// of this package against that of go-seccomp-bpf for the same policy.
func BenchmarkLoad(b *testing.B) {
	target, err := NativeTarget()
	if err != nil {
		b.Skipf("no tables: %v", err)
	}
	b.Run("ours", func(b *testing.B) { benchmarkLoad(b, compile(b, Default(), target)) })
	b.Run("elastic", func(b *testing.B) { benchmarkLoad(b, elasticFilter(b, elasticDefault(b, target))) })
}

func benchmarkLoad(b *testing.B, f Filter) {
	code := f.Bytes()
	var total time.Duration
	n := 0
	for b.Loop() {
		took, err := timeLoad(code)
		if err != nil {
			b.Fatal(err)
		}
		total += took
		n++
	}
	b.ReportMetric(float64(total.Nanoseconds())/float64(n), "load-ns/op")
	b.ReportMetric(float64(len(f)), "instructions")
}

// timeLoad loads the filter on a thread that ends with its goroutine, so that
// filters do not pile up.
func timeLoad(code []byte) (time.Duration, error) {
	type result struct {
		took time.Duration
		err  error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread is not reused
		start := time.Now()
		err := loadFilter(code, 0)
		done <- result{time.Since(start), err}
	}()
	r := <-done
	return r.took, r.err
}
