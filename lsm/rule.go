package lsm

import (
	"errors"
	"fmt"
	"strings"
)

// A Rule is one line of a Landlock policy: it allows something, or closes a
// scope. The zero value is not a rule.
type Rule struct {
	Kind RuleKind `json:"kind"`
	Path string   `json:"path,omitempty"`
	Port uint16   `json:"port,omitempty"`
}

// A RuleKind is what a rule is about.
type RuleKind string

// The kinds of rules. Each has a function of its name that makes a rule.
const (
	KindReadOnly             RuleKind = "read-only"
	KindReadWrite            RuleKind = "read-write"
	KindBindTCP              RuleKind = "bind-tcp"
	KindConnectTCP           RuleKind = "connect-tcp"
	KindScopeSignals         RuleKind = "scope-signals"
	KindScopeAbstractSockets RuleKind = "scope-abstract-sockets"
)

// ReadOnly allows to read, list and execute the file at an absolute path, or all
// beneath the directory there.
func ReadOnly(path string) Rule { return Rule{Kind: KindReadOnly, Path: path} }

// ReadWrite allows to read, execute, write, truncate, make, rename, link and
// remove at and beneath an absolute path, and device ioctls. Device nodes may
// not be made.
func ReadWrite(path string) Rule { return Rule{Kind: KindReadWrite, Path: path} }

// BindTCP allows a TCP socket to be bound to a port; port 0 lets the kernel
// choose one. With any rule about TCP all other binds and connects are refused.
func BindTCP(port uint16) Rule { return Rule{Kind: KindBindTCP, Port: port} }

// ConnectTCP allows TCP connections to a port, at any address. With any rule
// about TCP all other binds and connects are refused.
func ConnectTCP(port uint16) Rule { return Rule{Kind: KindConnectTCP, Port: port} }

// ScopeSignals refuses signals to processes outside.
func ScopeSignals() Rule { return Rule{Kind: KindScopeSignals} }

// ScopeAbstractSockets refuses connections to abstract Unix sockets that were
// made outside.
func ScopeAbstractSockets() Rule { return Rule{Kind: KindScopeAbstractSockets} }

// String is one line, such as "connect-tcp 443".
func (r Rule) String() string {
	switch r.Kind {
	case KindReadOnly, KindReadWrite:
		return string(r.Kind) + " " + r.Path
	case KindBindTCP, KindConnectTCP:
		return fmt.Sprintf("%s %d", r.Kind, r.Port)
	}
	return string(r.Kind)
}

// Validate says what is wrong with a rule.
func (r Rule) Validate() error {
	switch r.Kind {
	case KindReadOnly, KindReadWrite:
		switch {
		case !strings.HasPrefix(r.Path, "/"):
			return errors.New("not an absolute path")
		case strings.ContainsRune(r.Path, 0):
			return errors.New("path with a zero byte")
		case len(r.Path) > 4095:
			return errors.New("path longer than 4095 bytes")
		}
	case KindConnectTCP:
		if r.Port == 0 {
			return errors.New("no program can connect to port 0")
		}
	case KindBindTCP, KindScopeSignals, KindScopeAbstractSockets:
	default:
		return errors.New("not a rule; use lsm.ReadOnly and the like")
	}
	return nil
}
