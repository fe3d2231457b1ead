//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "audit: sandboxes and their probes are for Linux")
	os.Exit(1)
}
