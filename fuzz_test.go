package sandbox_test

import (
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-d1379373/sandbox"
)

// FuzzSecurityOpt: whatever the text is, it is refused by an OptionError on one
// line, or means the same with = as with : and in a docker command line.
func FuzzSecurityOpt(f *testing.F) {
	for _, seed := range []string{
		"label:user:u", "label=type:svirt_t", "label:level:s0:c1,c2", "label:disable", "apparmor=docker-default", "apparmor:unconfined",
		"no-new-privileges", "no-new-privileges:false", "no-new-privileges=x", "seccomp=unconfined", "seccomp:", "label:", "=", ":", "x=y", "apparmor=a\x00b", "label:user:a:b\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.HasPrefix(text, "seccomp") && !strings.HasSuffix(text, "unconfined") {
			return // New reads the file
		}
		s, err := sandbox.New(sandbox.WithSecurityOpt(text))
		if err != nil {
			if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) == 0 {
				t.Fatalf("%T is not joined", err)
			} else if one := joined.Unwrap()[0]; !errors.As(one, new(*sandbox.OptionError)) || strings.ContainsAny(one.Error(), "\n\x00") {
				t.Fatalf("%T: %q", one, one)
			}
			return
		}
		defer s.Close()
		key, value, found := strings.Cut(text, "=")
		if !found {
			key, value, found = strings.Cut(text, ":")
		}
		spellings := []string{text}
		if found {
			spellings = []string{key + "=" + value}
			if !strings.Contains(value, "=") && !strings.Contains(key, ":") {
				spellings = append(spellings, key+":"+value)
			}
		}
		for _, spelling := range spellings {
			other, err := sandbox.New(sandbox.WithSecurityOpt(spelling))
			if err != nil {
				t.Fatalf("%q is refused: %v", spelling, err)
			}
			if !reflect.DeepEqual(other.Config(), s.Config()) {
				t.Errorf("%q is not %q", spelling, text)
			}
			other.Close()
		}
		opts, err := sandbox.FromDockerArgs([]string{"--security-opt", text})
		if err != nil {
			t.Fatalf("as a docker argument: %v", err)
		}
		docker, err := sandbox.New(opts...)
		if err != nil {
			t.Fatalf("as a docker argument: %v", err)
		}
		defer docker.Close()
		if got, want := docker.Config(), s.Config(); got.SELinux != want.SELinux || got.AppArmor != want.AppArmor || got.Seccomp != want.Seccomp {
			t.Errorf("as a docker argument %+v, not %+v", got, want)
		}
	})
}

// FuzzDockerSize: a size that is accepted is the number times the unit, up to
// what a float64 can tell apart, and never no limit by accident.
func FuzzDockerSize(f *testing.F) {
	for _, seed := range []string{"512", "64k", "256MB", "1.5g", "1GiB", "0", "-1", "9223372036854775807", "9007199254740993", "8388608t", "1e9", "0x10", ".5k", "1.", "..", "1 m", "1_0", "inf", "NaN", "6m "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		opts, err := sandbox.FromDockerArgs([]string{"--memory=" + text})
		if err != nil {
			return
		}
		s, err := sandbox.New(opts...)
		if err != nil {
			return // too small, or not a whole number of what the kernel counts
		}
		defer s.Close()
		got := s.Config().Memory
		number := strings.TrimRight(text, "bBiIkKmMgGtTpP")
		unit := strings.ToLower(text[len(number):])
		want, ok := new(big.Rat).SetString(strings.TrimSuffix(number, " "))
		if !ok {
			t.Fatalf("%q is %d", text, got)
		}
		if unit != "" && unit != "b" {
			want.Mul(want, new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(1), 10*uint(1+strings.IndexByte("kmgtp", unit[0])))))
		}
		if got == sandbox.Unlimited {
			if want.Sign() != 0 {
				t.Fatalf("%q is no limit", text)
			}
			return
		}
		exact, _ := want.Float64()
		if diff := float64(got) - exact; diff > 1 || diff < -1 && diff < -exact/(1<<52) {
			t.Fatalf("%q is %d, not %s", text, got, want.FloatString(1))
		}
	})
}
