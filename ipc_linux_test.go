package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
	"github.com/seed-d1379373/sandbox/internal/needs"
)

// messenger sends one message by each kind of IPC, receives one, or removes
// all. Its first argument is the role, its second a number that names the queues.
const messenger = `
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
role, number = sys.argv[1], int(sys.argv[2])
name, text = b'/sandbox-%d' % number, b'hello from %s' % os.uname().nodename.encode()

def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), '')
    return result

class Message(ctypes.Structure):
    _fields_ = [('type', ctypes.c_long), ('text', ctypes.c_char * 64)]

class Attributes(ctypes.Structure):
    _fields_ = [('words', ctypes.c_long * 8)]

CREATE, NOWAIT, RMID = 0o1000, 0o4000, 0

def system_v():
    if role == 'send':
        queue = check(libc.msgget(number, CREATE | 0o666))
        check(libc.msgsnd(queue, ctypes.byref(Message(1, text)), 64, NOWAIT))
        return b'sent'
    queue, m = check(libc.msgget(number, 0)), Message()
    if role == 'remove':
        check(libc.msgctl(queue, RMID, None))
        return b'removed'
    check(libc.msgrcv(queue, ctypes.byref(m), 64, ctypes.c_long(0), NOWAIT))
    return m.text

def posix():
    if role == 'send':
        os.umask(0)
        attributes = Attributes((ctypes.c_long * 8)(0, 4, 64, 0))
        queue = check(libc.mq_open(name, os.O_CREAT | os.O_WRONLY | os.O_NONBLOCK, 0o666, ctypes.byref(attributes)))
        check(libc.mq_send(queue, text, len(text), 0))
        return b'sent'
    queue, buffer = check(libc.mq_open(name, os.O_RDONLY | os.O_NONBLOCK)), ctypes.create_string_buffer(64)
    if role == 'remove':
        check(libc.mq_unlink(name))
        return b'removed'
    n = check(libc.mq_receive(queue, buffer, 64, None))
    return buffer.raw[:n]

def shared_memory():
    path = b'/dev/shm' + name
    if role == 'send':
        with open(path, 'xb') as f:
            f.write(text)
        return b'sent'
    with open(path, 'rb') as f:
        got = f.read()
    if role == 'remove':
        os.unlink(path)
        return b'removed'
    return got

for kind in (system_v, posix, shared_memory):
    try:
        answer = kind().decode()
    except OSError as e:
        answer = errno.errorcode[e.errno]
    print(kind.__name__ + ': ' + answer)
queues = os.listdir('/dev/mqueue') if os.path.isdir('/dev/mqueue') else 'none'
print('mqueue:', name[1:].decode() in queues)
print('end', flush=True)
if role == 'send':
    sys.stdin.read()
`

// startProducer starts one that has sent its messages.
func startProducer(t *testing.T, number int, opts ...sandbox.Option) *sandbox.Process {
	t.Helper()
	needs.Program(t, "python3")
	s := startCommand(t, []string{"sh", "-c", `python3 -c "$0" send "$1" | { while read line; do echo $line >> /tmp/said; [ "$line" = end ] && break; done; cat /tmp/said | tr '\n' ' '; echo; cat; }`, messenger, fmt.Sprint(number)},
		append(opts, sandbox.WithHostname("producer"))...)
	if want := "system_v: sent posix: sent shared_memory: sent "; !strings.HasPrefix(s.first, want) {
		t.Fatalf("the producer says %q", s.first)
	}
	return s.Process
}

func consume(role string, number int, opts ...sandbox.Option) (string, error) {
	var out bytes.Buffer
	cmd := exec.Command("python3", "-c", messenger, role, fmt.Sprint(number))
	cmd.Stdout, cmd.Stderr = &out, &out
	_, err := sandbox.Run(context.Background(), cmd, append(opts, sandbox.WithHostname("consumer"))...)
	return out.String(), err
}

const (
	arrived = "system_v: hello from producer\nposix: hello from producer\nshared_memory: hello from producer\n"
	nothing = "system_v: ENOENT\nposix: ENOENT\nshared_memory: ENOENT\n"
)

// TestIPC is a producer and a consumer in two sandboxes.
func TestIPC(t *testing.T) {
	number := 100000 + os.Getpid() // of queues that the host may get to see
	producer := startProducer(t, number, sandbox.WithIPC(sandbox.IPCShareable))
	for mode, mqueue := range map[sandbox.IPCMode]string{sandbox.IPCPrivate: "mqueue: False\nend\n", sandbox.IPCShareable: "mqueue: False\nend\n", sandbox.IPCHost: "mqueue: False\nend\n"} {
		if got, err := consume("receive", number, sandbox.WithIPC(mode)); got != nothing+mqueue || err != nil {
			t.Errorf("%s: %v\n%s", mode, err, got)
		}
	}
	if got, err := consume("receive", number, sandbox.WithIPC(sandbox.IPCNone)); !strings.HasPrefix(got, nothing) || err != nil {
		t.Errorf("none: %v\n%s", err, got)
	}
	got, err := consume("receive", number, sandbox.WithIPC(sandbox.IPCFrom(producer)))
	if os.Geteuid() != 0 {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("an ordinary caller joined: %v\n%s", err, got)
		}
		return
	}
	if want := arrived + "mqueue: True\nend\n"; got != want || err != nil {
		t.Errorf("joined: %v\n%swant\n%s", err, got, want)
	}
}

// One that joined can be joined.
func TestIPCFromOneThatJoined(t *testing.T) {
	needs.Root(t, joining)
	first, _, _ := begin(t, "exec cat", sandbox.WithIPC(sandbox.IPCShareable))
	producer := startProducer(t, 7, sandbox.WithIPC(sandbox.IPCFrom(first)))
	for _, p := range []*sandbox.Process{first, producer} {
		if got := namespaceOf(t, p.PID(), "ipc"); got != namespaceOf(t, first.PID(), "ipc") {
			t.Errorf("another IPC namespace: %s", got)
		}
	}
	if got, err := consume("receive", 7, sandbox.WithIPC(sandbox.IPCFrom(producer))); !strings.HasPrefix(got, arrived) || err != nil {
		t.Errorf("%v\n%s", err, got)
	}
}

// The host's IPC is one for all that have it.
func TestIPCHost(t *testing.T) {
	if st, err := os.Stat("/dev/shm"); err != nil || !st.IsDir() {
		t.Fatalf("the host has no /dev/shm: %v", err)
	}
	if _, err := os.Stat("/dev/mqueue"); err != nil && os.Geteuid() != 0 {
		t.Skip("needs root: the host has no /dev/mqueue, which an ordinary caller cannot mount")
	}
	number := 200000 + os.Getpid()
	host := sandbox.WithIPC(sandbox.IPCHost)
	t.Cleanup(func() { // it stays in the host otherwise
		if got, err := consume("remove", number, host); strings.Count(got, "removed") != 3 || err != nil {
			t.Errorf("left behind: %v\n%s", err, got)
		}
	})
	startProducer(t, number, host)
	if got, err := consume("receive", number); !strings.HasPrefix(got, nothing) || err != nil {
		t.Errorf("control: a private one: %v\n%s", err, got)
	}
	if got, err := consume("receive", number, host); !strings.HasPrefix(got, arrived) || err != nil {
		t.Errorf("%v\n%s", err, got)
	}
}

// Only what is shareable is joined; the error says why.
func TestIPCFromRefuses(t *testing.T) {
	for _, mode := range []sandbox.IPCMode{sandbox.IPCPrivate, sandbox.IPCNone} {
		p, _, _ := begin(t, "exec cat", sandbox.WithIPC(mode))
		_, err := sandbox.New(sandbox.WithIPC(sandbox.IPCFrom(p)))
		want := fmt.Sprintf("sandbox: WithIPC(container:%d): its IPC namespace is %s; start it with WithIPC(IPCShareable)", p.PID(), mode)
		if err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	p, _, _ := begin(t, "exec cat", sandbox.WithIPC(sandbox.IPCShareable))
	p.Kill()
	p.Wait()
	if _, err := sandbox.Run(context.Background(), exec.Command("true"), sandbox.WithIPC(sandbox.IPCFrom(p))); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("joining one that has ended: %v", err)
	}
	if _, err := sandbox.New(sandbox.WithIPC(sandbox.IPCFrom(nil))); err == nil || err.Error() != "sandbox: WithIPC(container:nil): no process" {
		t.Errorf("joining nothing: %v", err)
	}
}
