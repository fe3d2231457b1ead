package sandbox_test

import (
	"context"
	"os/exec"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

func TestTry(t *testing.T) {
	s, err := sandbox.New()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", "id; ls -la / /dev /etc; cat /proc/mounts; cat /proc/self/status; ls -la /proc/self/fd; hostname; ls /proc/1/")
	plan, err := s.Plan(cmd)
	if err != nil {
		t.Fatal(err)
	}
	_ = plan
	//t.Log(plan)
	out, err := func() (string, error) {
		b := &writer{}
		cmd.Stdout, cmd.Stderr = b, b
		res, err := s.Run(context.Background(), cmd)
		t.Log(res, res != nil && res.Report != nil)
		if res != nil {
			t.Log("\n" + res.Report.String())
			t.Log(res.Setup)
		}
		return string(*b), err
	}()
	t.Log(out, err)
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) { *w = append(*w, b...); return len(b), nil }
