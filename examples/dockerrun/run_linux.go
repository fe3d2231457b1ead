package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/seed-d1379373/sandbox"
)

// keepVerb is the command by which the program keeps a detached container.
const keepVerb = "-keep"

// run runs a container: in this process, in one of its own in the background,
// or in the process that keeps the one to be joined.
func run(dir string, o order) (int, error) {
	o.ID = newID()
	h := newHost(dir)
	join := joined(o)
	d, err := h.parse(apart(o, join))
	if err != nil {
		return failed, err
	}
	if d.PublishAll {
		fmt.Fprintln(os.Stderr, "dockerrun: -P: no image says which ports to publish, so there are none")
	}
	if d.Detach {
		return detach(dir, o, d, join)
	}
	files, err := openStdio(d)
	if err != nil {
		return failed, err
	}
	if join != "" {
		return forward(dir, join, o, files)
	}
	c, err := h.start(context.Background(), o, files.files)
	files.handedOver()
	if err != nil {
		files.finish()
		return exitStatus(nil, err)
	}
	stop := relaySignals(c.Process)
	<-c.done
	stop()
	files.finish()
	h.all.Wait() // what has joined it
	return exitStatus(c.result, c.err)
}

// joined is the first container that flags refer to, or nothing.
func joined(o order) (name string) {
	sandbox.ParseDockerArgs(o.Args, sandbox.DockerHost{
		Process: func(n string) (*sandbox.Process, error) {
			if name == "" {
				name = n
			}
			return nil, notHere{n}
		},
		Volume: func(string) (string, error) { return "/", nil },
	})
	return name
}

// apart is an order without what it joins, so that it can be read here.
func apart(o order, join string) order {
	if join == "" {
		return o
	}
	o.Args = slices.Clone(o.Args)
	for i, arg := range o.Args {
		flag, value, inline := strings.Cut(arg, "=")
		switch {
		case inline && strings.HasPrefix(value, "container:"):
			o.Args[i] = flag + "="
		case !inline && strings.HasPrefix(arg, "container:") && i > 0 && slices.Contains([]string{"--ipc", "--network", "--net"}, o.Args[i-1]):
			o.Args[i] = ""
		}
	}
	return o
}

func newID() string {
	b := make([]byte, 6)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// relaySignals passes on what asks this process to end.
func relaySignals(p *sandbox.Process) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT)
	go func() {
		for s := range signals {
			p.Signal(s)
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// forward has another process run the container, and waits for its end.
func forward(dir, join string, o order, files *stdio) (int, error) {
	conn, err := send(dir, join, request{Verb: "run", Run: &o}, files.files[:])
	files.handedOver()
	if err != nil {
		files.finish()
		return failed, err
	}
	defer conn.Close() // before its end, that kills it
	a, err := started(json.NewDecoder(conn), join)
	files.finish()
	if err != nil {
		return a.Status, err
	}
	if a.Error != "" {
		return a.Status, errors.New(a.Error)
	}
	return a.Status, nil
}

// started reads the answers to a run until the last.
func started(replies *json.Decoder, join string) (a answer, err error) {
	for !a.Ended {
		a = answer{}
		if err := replies.Decode(&a); err != nil {
			return answer{Status: failed}, fmt.Errorf("%s, which kept the container, is gone", join)
		}
		if a.Error != "" {
			return a, errors.New(a.Error)
		}
	}
	return a, nil
}

// detach starts a container in the background and prints its name.
func detach(dir string, o order, d *sandbox.DockerArgs, join string) (int, error) {
	if d.TTY {
		return failed, errors.New("-d and -t: nobody would read the terminal")
	}
	log, err := os.OpenFile(logPath(dir, d.Name)+"~", os.O_CREATE|os.O_WRONLY|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return failed, err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return failed, err
	}
	defer null.Close()
	var status int
	if join != "" {
		status, err = detachInto(dir, join, o, [3]*os.File{null, log, log})
	} else {
		status, err = detachAlone(o, log)
	}
	if err != nil {
		os.Remove(log.Name())
		return status, err
	}
	fmt.Println(d.Name)
	return 0, nil
}

func detachInto(dir, join string, o order, files [3]*os.File) (int, error) {
	conn, err := send(dir, join, request{Verb: "run", Run: &o}, files[:])
	if err != nil {
		return failed, err
	}
	defer conn.Close()
	var a answer
	if err := json.NewDecoder(conn).Decode(&a); err != nil {
		return failed, err
	}
	if a.Error != "" {
		return a.Status, errors.New(a.Error)
	}
	return 0, nil
}

// detachAlone starts this program again, in a session of its own, to keep the
// container. It says on a pipe what became of it.
func detachAlone(o order, log *os.File) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return failed, err
	}
	defer r.Close()
	args := []string{keepVerb, o.ID}
	if o.Remap != "" {
		args = append([]string{"--userns-remap", o.Remap}, args...)
	}
	keeper := exec.Command("/proc/self/exe", append(args, o.Args...)...)
	keeper.Stdout, keeper.Stderr, keeper.ExtraFiles = log, log, []*os.File{w}
	keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = keeper.Start()
	w.Close()
	if err != nil {
		return failed, err
	}
	var a answer
	if err := json.NewDecoder(r).Decode(&a); err != nil {
		return failed, errors.New("the process in the background ended")
	}
	if a.Error != "" {
		keeper.Wait()
		return a.Status, errors.New(a.Error)
	}
	return 0, keeper.Process.Release()
}

// keep is the process in the background: it keeps a container, and what joins
// it, until the last of them ends.
func keep(dir string, o order) (int, error) {
	o.ID, o.Args = o.Args[0], o.Args[1:]
	ready := os.NewFile(3, "ready")
	syscall.CloseOnExec(3)
	null, err := os.Open(os.DevNull)
	if err != nil {
		return failed, err
	}
	h := newHost(dir)
	c, err := h.start(context.Background(), o, [3]*os.File{null, os.Stdout, os.Stderr})
	if err != nil {
		status, err := exitStatus(nil, err)
		json.NewEncoder(ready).Encode(answer{Error: err.Error(), Status: status})
		return status, nil
	}
	json.NewEncoder(ready).Encode(answer{PID: c.PID()})
	ready.Close()
	h.all.Wait()
	return 0, nil
}
