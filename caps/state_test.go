package caps_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/seed-d1379373/sandbox/caps"
)

const status = `Name:	sleep
Umask:	0022
Groups:	0
CapInh:	0000000000000000
CapPrm:	00000000a80425fb
CapEff:	0000000000000001
CapBnd:	000001ffffffffff
CapAmb:	8000000000000000
NoNewPrivs:	0
`

func TestParseStatus(t *testing.T) {
	got, err := caps.ParseStatus(strings.NewReader(status))
	want := caps.State{
		Permitted: caps.Default(), Effective: caps.Of(caps.Chown),
		Bounding: caps.All, Ambient: caps.Of(63),
	}
	if err != nil || got != want {
		t.Errorf("ParseStatus = %+v, %v; want %+v", got, err, want)
	}
}

func TestParseStatusSkipsLongLines(t *testing.T) {
	groups := "Groups:\t" + strings.Repeat("4294967294 ", 65536) + "\n"
	if _, err := caps.ParseStatus(strings.NewReader(groups + status)); err != nil {
		t.Error(err)
	}
}

func TestParseStatusRefuses(t *testing.T) {
	for _, test := range []struct{ what, text, field string }{
		{"empty", "", "CapInh"},
		{"missing", strings.Replace(status, "CapAmb", "CapXyz", 1), "CapAmb"},
		{"twice", status + "CapEff:\t0000000000000000\n", "CapEff"},
		{"no mask", strings.Replace(status, "0000000000000001", "", 1), "CapEff"},
		{"not hexadecimal", strings.Replace(status, "0000000000000001", "000000000000000g", 1), "CapEff"},
		{"signed", strings.Replace(status, "0000000000000001", "-1", 1), "CapEff"},
		{"too large", strings.Replace(status, "0000000000000001", "10000000000000000", 1), "CapEff"},
	} {
		got, err := caps.ParseStatus(strings.NewReader(test.text))
		var bad *caps.StatusError
		if !errors.As(err, &bad) || bad.Field != test.field || got != (caps.State{}) {
			t.Errorf("%s: %+v, %v; want a StatusError for %s", test.what, got, err, test.field)
		}
	}
	broken := errors.New("broken")
	if _, err := caps.ParseStatus(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error of the reader = %v", err)
	}
}

func TestStateData(t *testing.T) {
	state := caps.State{
		Effective:   caps.Of(caps.Chown),
		Permitted:   caps.Of(caps.Kill, caps.MACOverride),
		Inheritable: caps.Of(caps.AuditControl+1, caps.CheckpointRestore),
		Bounding:    caps.All, Ambient: caps.All,
	}
	want := [6]uint32{1, 1 << 5, 1 << 31, 0, 1, 1 << 8}
	if got := state.Data(); got != want {
		t.Errorf("Data = %#x, want %#x", got, want)
	}
	if got := caps.Header(); got != [2]uint32{0x20080522, 0} {
		t.Errorf("Header = %#x", got)
	}
}

func TestStateValidate(t *testing.T) {
	kill := caps.Of(caps.Kill)
	for _, test := range []struct {
		state caps.State
		bad   int
	}{
		{caps.State{}, 0},
		{caps.State{Inheritable: kill, Permitted: kill, Effective: kill, Ambient: kill}, 0},
		{caps.State{Permitted: caps.Default(), Effective: kill}, 0},
		{caps.State{Effective: kill}, 1},
		{caps.State{Permitted: kill, Ambient: kill}, 1},
		{caps.State{Inheritable: kill, Ambient: kill}, 1},
		{caps.State{Effective: kill, Ambient: kill}, 3},
	} {
		var got int
		if err := test.state.Validate(); err != nil {
			got = len(strings.Split(err.Error(), "\n"))
		}
		if got != test.bad {
			t.Errorf("%+v: %d errors, want %d", test.state, got, test.bad)
		}
	}
}

func FuzzParseStatus(f *testing.F) {
	for _, seed := range []string{status, "", "CapInh:", "CapInh:\t0\nCapInh:\t0", "CapEff\n", strings.ReplaceAll(status, "\t", " ")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		state, err := caps.ParseStatus(strings.NewReader(text))
		if err != nil {
			if state != (caps.State{}) {
				t.Fatalf("state %+v together with error %v", state, err)
			}
			return
		}
		again := fmt.Sprintf("CapInh:\t%016x\nCapPrm:\t%016x\nCapEff:\t%016x\nCapBnd:\t%016x\nCapAmb:\t%016x\n",
			uint64(state.Inheritable), uint64(state.Permitted), uint64(state.Effective), uint64(state.Bounding), uint64(state.Ambient))
		if back, err := caps.ParseStatus(strings.NewReader(again)); err != nil || back != state {
			t.Fatalf("%q gave %+v, written and read again %+v, %v", text, state, back, err)
		}
	})
}
