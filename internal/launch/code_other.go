//go:build !amd64 && !arm64

package launch

// code reports that this architecture has no interpreter.
func code() ([]byte, bool) { return nil, false }
