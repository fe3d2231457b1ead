//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "dockerrun: needs Linux")
	os.Exit(125)
}
