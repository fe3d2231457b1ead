package sandbox

import (
	"context"
	"os/exec"

	"github.com/seed-d1379373/sandbox/cgroup"
)

// Stats reads the sandbox's numbers now, as docker stats: memory, CPU time and
// throttling, processes, disk traffic, OOM kills, and on cgroup v2 pressure. It
// needs a sandbox with a cgroup, which any limit of memory, CPU or processes
// makes where the host lets it; otherwise it is an *[UnsupportedError]. Memory,
// processes and CPU time are counted then, as far as the host has the
// controllers; throttling with [WithCPUs], and disk traffic on cgroup v1 with
// [WithIOMax] or [WithIOWeight]. Stats.Controllers tells.
func (p *Process) Stats() (*cgroup.Stats, error) { return p.stats() }

// Pause stops every process in the sandbox until [Process.Resume], by the
// cgroup freezer. Time goes on: a timeout still ends it. Like Stats it needs a
// cgroup.
func (p *Process) Pause() error { return p.pause() }

// Resume lets a paused sandbox go on. It is no error if it is not paused.
func (p *Process) Resume() error { return p.resume() }

// Update changes limits while the sandbox runs: WithMemory, WithMemorySwap,
// WithMemoryReservation, WithCPUShares, WithCPUs, WithCPUSet, WithCPUSetMems,
// WithPids, WithIOWeight and WithIOMax, as far as the sandbox was started with a
// limit of the same controller. Limits that are not named stay as they are. Any
// other option is an *[OptionError], and then nothing is changed.
func (p *Process) Update(opts ...Option) error { return p.update(opts) }

// Exec runs one more command in the sandbox and waits for it, as docker exec.
// It has the first command's user, capabilities, filter, file view and cgroup,
// its own standard files, and the fields of cmd mean what they do for [Start].
// It ends with the sandbox, or alone with the context. Processes that it leaves
// behind live on in the sandbox; Exec does not wait for longer than
// cmd.WaitDelay, or a second, for the pipes that they hold open.
func (p *Process) Exec(ctx context.Context, cmd *exec.Cmd) (*Result, error) {
	r, err := p.exec(ctx, cmd)
	if err != nil {
		notStarted(cmd, err)
	}
	return r, err
}
