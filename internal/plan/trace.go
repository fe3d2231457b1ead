package plan

import (
	"encoding/binary"
	"time"

	"github.com/seed-d1379373/sandbox/internal/launch"
)

// A traced program notes the time at the beginning of each step in memory that it
// shares with the host.

const (
	traceAddress = 0x1e000000
	stampSize    = 16 // of struct timespec
	monotonic    = 1  // CLOCK_MONOTONIC
)

// TraceSize is how many bytes the file of a traced program has.
const TraceSize = 1 << 16

// Stamp is the time that a step began, on CLOCK_MONOTONIC; false if it did not.
func Stamp(trace []byte, step int) (time.Duration, bool) {
	at := stampSize * step
	if at+stampSize > len(trace) {
		return 0, false
	}
	seconds, nanoseconds := binary.LittleEndian.Uint64(trace[at:]), binary.LittleEndian.Uint64(trace[at+8:])
	d := time.Duration(seconds)*time.Second + time.Duration(nanoseconds)
	return d, d != 0
}

// Step begins a step of the process that is being built.
func (b *builder) Step(name, path string) {
	b.Program.Step(name, path)
	b.stamp()
}

// stamp notes the time of the current step, where the process may still ask for it.
func (b *builder) stamp() {
	if at := stampSize * (len(b.Steps()) - 1); b.tracing && at < TraceSize {
		b.Call(launch.ClockGettime, launch.Int(monotonic), launch.Int(traceAddress+at)).IgnoreAll()
	}
}

// mapTrace maps the file for the times.
func (b *builder) mapTrace() {
	if b.spec.Trace == 0 {
		return
	}
	const readWrite, shared, fixed = 3, 1, 16
	file := launch.Int(b.spec.Trace)
	b.Call(launch.Mmap, launch.Int(traceAddress), launch.Int(TraceSize), launch.Int(readWrite), launch.Int(shared|fixed), file, launch.Int(0))
	b.Call(launch.Close, file)
	b.tracing = true
	b.stamp()
}
