package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path"
	"time"

	"github.com/seed-d1379373/sandbox"
)

// poolWay starts from a pool that has a sandbox ready. That it is filled again
// falls to no one's time here, as it does not in a program that is not always busy.
func poolWay(name string, options []sandbox.Option) way {
	open := func() (*pooled, error) {
		s, err := sandbox.New(options...)
		if err != nil {
			return nil, err
		}
		p, err := s.Pool(context.Background(), 2)
		if err != nil {
			s.Close()
			return nil, err
		}
		return &pooled{s, p}, nil
	}
	return way{
		name: name,
		open: func() (starter, error) { return open() },
		facts: func() ([]byte, error) {
			p, err := open()
			if err != nil {
				return nil, err
			}
			defer p.close()
			var out bytes.Buffer
			cmd := exec.Command(path.Join(inside, "program"), "facts")
			cmd.Stdout = &out
			_, err = p.pool.Run(context.Background(), cmd)
			return out.Bytes(), err
		},
	}
}

type pooled struct {
	box  *sandbox.Sandbox
	pool *sandbox.Pool
}

func (p *pooled) start() (time.Duration, error) {
	for {
		state := p.pool.State()
		if state.Err != nil {
			return 0, state.Err
		}
		if state.Cold > 0 {
			return 0, fmt.Errorf("a start found no sandbox ready: %v", state)
		}
		if state.Ready == state.Size {
			break
		}
		time.Sleep(time.Millisecond) // nobody's time
	}
	return timed(func() error {
		_, err := p.pool.Run(context.Background(), exec.Command(path.Join(inside, "exit")))
		return err
	})
}

func (p *pooled) close() error { return errors.Join(p.pool.Close(), p.box.Close()) }
