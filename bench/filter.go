package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	elastic "github.com/elastic/go-seccomp-bpf"
	elasticarch "github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/net/bpf"

	"github.com/seed-d1379373/sandbox/seccomp"
)

// loaded is what the filter of one compiler costs, in nanoseconds.
type loaded struct {
	Compiler string             `json:"compiler"`
	Length   int                `json:"length"` // instructions
	Load     float64            `json:"load"`   // to load it
	Calls    map[string]float64 `json:"calls"`  // of one call under it, by kind
}

// Names of compilers that budgets look for.
const (
	ownFilter     = "this library"
	elasticFilter = "elastic/go-seccomp-bpf"
)

// filterKinds are loops of the C program that meet a filter differently.
var filterKinds = []struct{ name, label string }{
	{"getpid", "always allowed"},
	{"personality", "allowed by argument"},
	{"refused", "refused"},
}

// A filter is a file with what one compiler makes of the default policy.
type filter struct {
	compiler, file string
}

func (b *bench) measureFilters() error {
	rules := flatten(seccomp.Default())
	filters := []filter{{"no filter", ""}, {ownFilter, "default.bpf"}}
	code, err := elasticAssemble(rules)
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.file("elastic.bpf"), code, 0o644); err != nil {
		return err
	}
	filters = append(filters, filter{elasticFilter, "elastic.bpf"})
	if err := compile(b.work, "-o", "libseccomp", "c/libseccomp.c", "-lseccomp"); err != nil {
		b.leaveOut("libseccomp", "its headers are not installed")
	} else {
		for level, name := range map[int]string{1: "libseccomp, as a list", 2: "libseccomp, as a tree"} {
			if code, err = b.libseccompAssemble(rules, level); err != nil {
				return err
			}
			f := filter{name, fmt.Sprintf("libseccomp%d.bpf", level)}
			if err := os.WriteFile(b.file(f.file), code, 0o644); err != nil {
				return err
			}
			filters = append(filters, f)
		}
		slices.SortStableFunc(filters[3:], func(a, b filter) int { return strings.Compare(a.compiler, b.compiler) })
	}
	b.progress("loading a filter, and calls under it, by %d compilers in turn", len(filters)-1)
	return b.compareFilters(filters)
}

func (b *bench) compareFilters(filters []filter) error {
	loads := make([][]float64, len(filters))
	calls := make([]map[string][]float64, len(filters))
	for range b.rounds(9) {
		for i, f := range filters {
			if calls[i] == nil {
				calls[i] = map[string][]float64{}
			}
			for _, k := range filterKinds {
				if f.file == "" && k.name == "refused" {
					continue // the kernel would do what was asked
				}
				args := []string{"filtered", b.file(f.file), k.name, strconv.Itoa(b.fewer(50_000))}
				if f.file == "" {
					args = append([]string{"loop"}, args[2:]...)
				}
				ns, err := b.number(args...)
				if err != nil {
					return err
				}
				calls[i][k.name] = append(calls[i][k.name], ns)
			}
			if f.file == "" {
				continue
			}
			ns, err := b.number("load", b.file(f.file), strconv.Itoa(b.fewer(50)))
			if err != nil {
				return err
			}
			loads[i] = append(loads[i], ns)
		}
	}
	for i, f := range filters {
		l := loaded{Compiler: f.compiler, Load: medianOf(loads[i]), Calls: map[string]float64{}}
		if st, err := os.Stat(b.file(f.file)); err == nil && f.file != "" {
			l.Length = int(st.Size() / 8)
		}
		for kind, all := range calls[i] {
			l.Calls[kind] = medianOf(all)
		}
		b.results.Filters = append(b.results.Filters, l)
	}
	return nil
}

// number runs the C program, which prints one.
func (b *bench) number(args ...string) (float64, error) {
	out, err := exec.Command(b.file("program"), args...).Output()
	if err != nil {
		return 0, fmt.Errorf("program %s: %w", strings.Join(args, " "), err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// A flatRule is a rule for one call, as other compilers can say it.
type flatRule struct {
	name  string
	errno uint16 // 0: allowed
	args  []seccomp.Arg
}

// flatten is the policy for a command without capabilities on this machine.
// Others do not have both a rule with arguments and one without for a call: of
// them the one without stays if it allows, and the others if it refuses.
func flatten(p *seccomp.Policy) []flatRule {
	var all []flatRule
	plain := map[string]uint16{}
	for _, r := range p.Syscalls {
		if !selected(r) {
			continue
		}
		errno := uint16(0)
		if r.Action != seccomp.ActAllow {
			errno = 1
			if r.Errno != nil {
				errno = *r.Errno
			}
		}
		for _, name := range r.Names {
			all = append(all, flatRule{name, errno, r.Args})
			if len(r.Args) == 0 {
				plain[name] = errno
			}
		}
	}
	conditional := map[string]bool{}
	all = slices.DeleteFunc(all, func(r flatRule) bool {
		errno, both := plain[r.name]
		drop := both && len(r.args) > 0 && errno == 0
		conditional[r.name] = conditional[r.name] || len(r.args) > 0 && !drop
		return drop
	})
	return slices.DeleteFunc(all, func(r flatRule) bool { return len(r.args) == 0 && conditional[r.name] })
}

// selected says whether a rule is for a command without capabilities here. No
// rule names a kernel that is newer than this library needs.
func selected(r seccomp.Rule) bool {
	arch := runtime.GOARCH
	in, out := r.Includes, r.Excludes
	return len(in.Caps) == 0 && (len(in.Arches) == 0 || slices.Contains(in.Arches, arch)) &&
		!slices.Contains(out.Arches, arch) && out.MinKernel == ""
}

// elasticAssemble lets go-seccomp-bpf compile the rules.
func elasticAssemble(rules []flatRule) ([]byte, error) {
	info, err := elasticarch.GetInfo("")
	if err != nil {
		return nil, err
	}
	policy := elastic.Policy{DefaultAction: elastic.ActionErrno}
	groups := map[string]*elastic.SyscallGroup{}
	var order []string
	for _, conditional := range []bool{true, false} { // theirs must stand in this order
		for _, r := range rules {
			if _, known := info.SyscallNames[r.name]; !known || r.errno == 1 || conditional != (len(r.args) > 0) {
				continue
			}
			key := fmt.Sprint(r.errno)
			if conditional {
				key += r.name
			}
			g := groups[key]
			if g == nil {
				g = &elastic.SyscallGroup{Action: elastic.ActionAllow}
				if r.errno != 0 {
					g.Action = elastic.Action(0x50000 | uint32(r.errno)) // SECCOMP_RET_ERRNO
				}
				groups[key], order = g, append(order, key)
			}
			if conditional {
				g.NamesWithCondtions = append(g.NamesWithCondtions, elastic.NameWithConditions{Name: r.name, Conditions: elasticConditions(r.args)})
			} else if !slices.Contains(g.Names, r.name) {
				g.Names = append(g.Names, r.name)
			}
		}
	}
	for _, key := range order {
		policy.Syscalls = append(policy.Syscalls, *groups[key])
	}
	instructions, err := policy.Assemble()
	if err != nil {
		return nil, err
	}
	raw, err := bpf.Assemble(instructions)
	if err != nil {
		return nil, err
	}
	var code bytes.Buffer
	for _, i := range raw {
		binary.Write(&code, binary.NativeEndian, i)
	}
	return code.Bytes(), nil
}

// elasticConditions are the nearest that it can say: it has no masked equality
// but with zero.
func elasticConditions(args []seccomp.Arg) elastic.ArgumentConditions {
	operations := map[seccomp.Operator]elastic.Operation{
		seccomp.OpEqualTo: elastic.Equal, seccomp.OpNotEqual: elastic.NotEqual, seccomp.OpGreaterThan: elastic.GreaterThan,
		seccomp.OpLessThan: elastic.LessThan, seccomp.OpGreaterEqual: elastic.GreaterOrEqual, seccomp.OpLessEqual: elastic.LessOrEqual,
	}
	var list elastic.ArgumentConditions
	for _, a := range args {
		c := elastic.Condition{Argument: uint32(a.Index), Value: a.Value, Operation: operations[a.Op]}
		if a.Op == seccomp.OpMaskedEqual {
			c.Operation, c.Value = elastic.Equal, a.ValueTwo
			if a.ValueTwo == 0 {
				c.Operation, c.Value = elastic.BitsNotSet, a.Value
			}
		}
		list = append(list, c)
	}
	return list
}

// libseccompAssemble lets libseccomp compile the rules.
func (b *bench) libseccompAssemble(rules []flatRule, level int) ([]byte, error) {
	var text bytes.Buffer
	for _, r := range rules {
		action := "allow"
		if r.errno != 0 {
			action = strconv.Itoa(int(r.errno))
		}
		fmt.Fprintf(&text, "%s %s", r.name, action)
		for _, a := range r.args {
			fmt.Fprintf(&text, " %d %s %d %d", a.Index, a.Op, a.Value, a.ValueTwo)
		}
		fmt.Fprintln(&text)
	}
	cmd := exec.Command(b.file("libseccomp"), strconv.Itoa(level))
	cmd.Stdin = &text
	return cmd.Output()
}
