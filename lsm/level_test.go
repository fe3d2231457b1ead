package lsm

import "testing"

func TestCanonicalLevel(t *testing.T) {
	for given, want := range map[string]string{
		"":                             "",
		"s0":                           "s0",
		"s0:c2,c1":                     "s0:c1,c2",
		"s0:c1,c2,c3":                  "s0:c1.c3",
		"s0:c1.c2":                     "s0:c1,c2",
		"s0:c5":                        "s0:c5",
		"s0:c0.c1023":                  "s0:c0.c1023",
		"s0:c0.c511,c512.c1023":        "s0:c0.c1023",
		"s0-s0":                        "s0",
		"s0-s0:c0.c1023":               "s0-s0:c0.c1023",
		"s0:c1,c2-s0:c2,c1":            "s0:c1,c2",
		"s0:c9,c1,c1,c2.c4-s3:c10,c11": "s0:c1.c4,c9-s3:c10,c11",
		// Names that only a policy knows, and what is no level, stay.
		"SystemLow-SystemHigh": "SystemLow-SystemHigh",
		"s0:Secret":            "s0:Secret",
		"s0:c5.c1":             "s0:c5.c1",
		"s0:c01":               "s0:c01",
		"s0:c999999999999":     "s0:c999999999999",
		"s0:":                  "s0:",
	} {
		if got := canonicalLevel(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func TestSensitivity(t *testing.T) {
	for level, want := range map[string]string{"s0": "s0", "s0:c1,c2": "s0", "s0-s15:c0.c1023": "s0", "s1:c4-s2": "s1", "": ""} {
		if got := Sensitivity(level); got != want {
			t.Errorf("%q: %q", level, got)
		}
	}
}

func TestPairOf(t *testing.T) {
	for level, want := range map[string]bool{"s0:c1,c2": true, "s0:c1.c2": true, "s0:c1": false, "s0:c1.c3": false, "s0": false, "": false, "s0:c1,c2-s0:c1,c2": false, "s0:x": false} {
		if _, _, ok := pairOf(level); ok != want {
			t.Errorf("%q: %v", level, ok)
		}
	}
}
