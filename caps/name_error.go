package caps

import (
	"fmt"
	"strings"
)

// A NameError says that a text is not the name of a usable capability.
type NameError struct {
	Name       string // as the caller wrote it
	Reason     string // why it was refused
	Suggestion string // the nearest known name, such as CAP_NET_RAW; empty if none is near
}

func (e *NameError) Error() string {
	msg := fmt.Sprintf("capability %q: %s", e.Name, e.Reason)
	if e.Suggestion != "" {
		msg += fmt.Sprintf(" (did you mean %s?)", e.Suggestion)
	}
	return msg
}

func newNameError(name, bare string) *NameError {
	switch {
	case bare == "":
		return &NameError{Name: name, Reason: "empty name"}
	case strings.EqualFold(name, allText):
		return &NameError{Name: name, Reason: "stands for every capability, where one is wanted"}
	}
	return &NameError{Name: name, Reason: "no such capability", Suggestion: nearest(bare)}
}

// nearest returns the known name with the fewest edits to the upper-case bare
// name, or nothing when more than a third of the letters would have to change:
// a far-fetched guess helps nobody.
func nearest(bare string) string {
	const longest = 32 // every real name is shorter; bounds the work on hostile input
	if len(bare) > longest {
		return ""
	}
	best, suggestion := len(bare)/3+1, ""
	for i, known := range names {
		if d := edits(bare, known); d < best {
			best, suggestion = d, Cap(i).String()
		}
	}
	return suggestion
}

// edits is the number of letters to insert, delete, replace or swap with
// their neighbour to turn a into b (optimal string alignment distance).
func edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
