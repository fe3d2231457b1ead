package namespace

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// ParseIDMap reads one extent written as inside:outside:count, such as
// 0:100000:65536. Errors are [*IDMapError]s; what [IDMaps.Validate] refuses in a
// single extent is refused here.
func ParseIDMap(spec string) (IDMap, error) {
	m, err := parseExtent(spec, strings.Split(spec, ":"))
	if err != nil {
		return IDMap{}, err
	}
	if reason := m.problem(); reason != "" {
		return IDMap{}, &IDMapError{Value: spec, Reason: reason}
	}
	return m, nil
}

// ReadIDMaps reads a map in the format of /proc/PID/uid_map and gid_map. The
// file of a user namespace that has no map yet is empty, and so is the result.
// Text that is no map, and more than 340 lines, is an [*IDMapError].
//
// The result is as the kernel shows it to the reader: an outside id that has no
// number in the reader's own user namespace reads 4294967295, which
// [IDMaps.Validate] refuses.
func ReadIDMaps(r io.Reader) (IDMaps, error) {
	var maps IDMaps
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if len(maps) == maxExtents {
			return nil, &IDMapError{Reason: fmt.Sprintf("more than %d lines", maxExtents)}
		}
		m, err := parseExtent(lines.Text(), strings.Fields(lines.Text()))
		if err != nil {
			return nil, err
		}
		maps = append(maps, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading an id map: %w", err)
	}
	return maps, nil
}

func parseExtent(text string, fields []string) (IDMap, error) {
	if len(fields) != 3 {
		return IDMap{}, &IDMapError{Value: strconv.Quote(text), Reason: "want three numbers: inside, outside, count"}
	}
	var numbers [3]uint32
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 32)
		if err != nil {
			return IDMap{}, &IDMapError{
				Value:  strconv.Quote(text),
				Reason: fmt.Sprintf("%q is not a number from 0 to 4294967295", field),
			}
		}
		numbers[i] = uint32(n)
	}
	return IDMap{Inside: numbers[0], Outside: numbers[1], Count: numbers[2]}, nil
}
