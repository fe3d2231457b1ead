package seccomp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Load reads a profile file; see [Parse]. The error carries the path.
func Load(path string) (*Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, &PolicyError{Path: path, Err: unwrapPath(err)}
	}
	p, err := Parse(data)
	if err != nil {
		var mistake *PolicyError
		if errors.As(err, &mistake) {
			mistake.Path = path
		}
		return nil, err
	}
	return p, nil
}

// unwrapPath drops the path that PolicyError says already.
func unwrapPath(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// Parse reads a profile in Docker's or podman's format, or an OCI
// linux.seccomp object. It is strict: unknown fields, actions, operators,
// architectures, flags and conditions are errors that say where, because a
// rule that is not understood is a protection that is not there. Names of
// system calls are the exception, as profiles list calls of kernels to come:
// see [Policy.Unknown].
//
// Older forms are accepted: "name" instead of "names", and podman's "errno"
// names beside or instead of "errnoRet". A rule that compares one argument
// several times becomes one rule per comparison, which is how runc and crun
// read it.
func Parse(data []byte) (*Policy, error) {
	var head struct {
		policyFields
		DefaultErrnoName string            `json:"defaultErrno"` // podman
		Syscalls         []json.RawMessage `json:"syscalls"`
	}
	if err := decode(data, &head); err != nil {
		return nil, &PolicyError{Err: err}
	}
	p := Policy(head.policyFields)
	p.Syscalls = nil
	var e *PolicyError
	if p.DefaultErrno, e = mergeErrno("defaultErrno", head.DefaultErrnoName, p.DefaultErrno); e != nil {
		return nil, e
	}
	if e := p.checkHead(); e != nil {
		return nil, e
	}
	for i, raw := range head.Syscalls {
		rules, e := parseRule(raw)
		if e != nil {
			return nil, e.in("syscalls[%d]", i)
		}
		p.Syscalls = append(p.Syscalls, rules...)
	}
	return &p, nil
}

// policyFields and ruleFields have the fields but not the methods.
type (
	policyFields Policy
	ruleFields   Rule
)

func parseRule(data []byte) ([]Rule, *PolicyError) {
	var raw struct {
		ruleFields
		Name      string `json:"name"`  // Docker before 1.13
		ErrnoName string `json:"errno"` // podman
	}
	if err := decode(data, &raw); err != nil {
		return nil, &PolicyError{Err: err}
	}
	r := Rule(raw.ruleFields)
	if raw.Name != "" {
		if len(r.Names) > 0 {
			return nil, mistake("name", raw.Name, "not possible together with names")
		}
		r.Names = []string{raw.Name}
	}
	var e *PolicyError
	if r.Errno, e = mergeErrno("errno", raw.ErrnoName, r.Errno); e != nil {
		return nil, e
	}
	if e := r.check(); e != nil {
		return nil, e
	}
	return r.alternatives(), nil
}

// alternatives splits a rule that compares an argument more than once.
func (r Rule) alternatives() []Rule {
	if !r.repeatsArg() {
		return []Rule{r}
	}
	rules := make([]Rule, len(r.Args))
	for i, a := range r.Args {
		rules[i] = r.clone()
		rules[i].Args = []Arg{a}
	}
	return rules
}

func (r Rule) repeatsArg() bool {
	var seen [maxArgs]bool
	for _, a := range r.Args {
		if seen[a.Index] {
			return true
		}
		seen[a.Index] = true
	}
	return false
}

// mergeErrno resolves podman's errno name, which must agree with a number.
func mergeErrno(field, name string, number *uint16) (*uint16, *PolicyError) {
	if name == "" {
		return number, nil
	}
	errno, ok := errnoByName(name)
	if !ok {
		return nil, mistake(field, name, "unknown errno name")
	}
	if number != nil && *number != errno {
		return nil, mistake(field, name, fmt.Sprintf("contradicts the number %d beside it", *number))
	}
	return &errno, nil
}

// decode is json.Unmarshal without tolerance for unknown fields.
func decode(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the end of the document")
	}
	return nil
}

// jsonUnconfined is Docker's word; it cannot be mistaken for a profile.
const jsonUnconfined = `"unconfined"`

// UnmarshalJSON reads what MarshalJSON writes; otherwise it is [Parse].
func (p *Policy) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == jsonUnconfined {
		*p = *Unconfined
		return nil
	}
	parsed, err := Parse(data)
	if err != nil {
		return err
	}
	*p = *parsed
	return nil
}

// MarshalJSON writes Docker's profile format, or the string "unconfined". It
// refuses invalid policies, and rules that compare one argument several times:
// other readers would take any of the comparisons to be enough. Other readers
// also resolve conflicting rules in their own way (see the package comment):
// under runc, Default's refusals of single ioctls would not hold.
func (p Policy) MarshalJSON() ([]byte, error) {
	if p.unconfined {
		return []byte(jsonUnconfined), nil
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	for i, r := range p.Syscalls {
		if r.repeatsArg() {
			return nil, mistake("args", "", "compares one argument several times, which profiles cannot express").
				in("syscalls[%d]", i)
		}
	}
	fields := policyFields(p)
	if fields.Syscalls == nil {
		fields.Syscalls = []Rule{}
	}
	return json.Marshal(fields)
}
