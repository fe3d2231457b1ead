package sandbox

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// An Option is one named change of the defaults. Options record and do
// nothing else; [New] validates them together. Of several options of one kind
// the last counts, except for those that are additive.
type Option interface{ apply(*settings) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// named records that the caller asked for something, so that it fails closed.
func named(name string, set func(*settings)) Option {
	return option(func(s *settings) {
		s.named[name] = true
		set(s)
	})
}

// Unlimited removes a limit, where an option says so.
const Unlimited = -1

// WithBestEffort lists features that may be missing on the host. What is missing is
// then left out and shown in [Result.Report] with the reason, and everything else
// still fails closed. It is additive; a name that is no [Feature] is an
// *[OptionError]. It makes nothing weaker where the feature is there.
//
// [FeatureUserNamespace], [FeatureNamespaces] and [FeatureMounts] count together.
// Where the kernel refuses what they need to this caller, as in many containers, and
// all three are listed, the command runs without them, confined by Landlock, as the
// package comment says under "Last resort"; to find that out takes one more start
// for each [Sandbox]. Listing some of them changes nothing.
func WithBestEffort(features ...Feature) Option {
	return named("WithBestEffort", func(s *settings) { s.BestEffort = append(s.BestEffort, features...) })
}

// fail records an OptionError.
func (s *settings) fail(option string, value any, format string, args ...any) {
	text := fmt.Sprint(value)
	if strings.ContainsFunc(text, unicode.IsControl) { // an error is one line
		quoted := strconv.Quote(text)
		text = quoted[1 : len(quoted)-1]
	}
	s.errs = append(s.errs, &OptionError{option, text, fmt.Sprintf(format, args...)})
}
