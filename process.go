package sandbox

import "os"

// A Process is a command that runs in a sandbox, and the sandbox with it. Its
// methods are safe for concurrent use.
//
// Call [Process.Wait] for every Process: it gives back what the sandbox holds. One
// that the program refers to no more ends, as it would with the program.
type Process struct {
	running
	owned *Sandbox // closed with the process
}

// Wait waits for the command and for the copying of its input and output, and
// takes the sandbox down. All processes of the sandbox are killed when the
// command ends, before Wait waits for its pipes, so that one left behind with
// standard output open cannot hold it up.
//
// The result is never nil. The error is nil for exit status 0; otherwise an
// *[ExitError] with the same result, which unwraps to the context's cause if
// that ended the command. It is another error if the command succeeded and its
// input or output could not be copied, or [exec.ErrWaitDelay].
//
// Calling Wait again returns the same.
func (p *Process) Wait() (*Result, error) { return p.waitOnce(p.owned) }

// PID is the command's process id in the PID namespace of the host program. It
// stays the same after the command has ended, when another process may get it;
// Signal and Kill do not go by it.
func (p *Process) PID() int { return p.commandPID() }

// Signal sends a signal to the command alone. It returns os.ErrProcessDone if
// the command has ended.
func (p *Process) Signal(sig os.Signal) error { return p.signal(sig) }

// Kill ends every process in the sandbox. It does not wait; see [Process.Wait].
func (p *Process) Kill() error { return p.killAll() }
