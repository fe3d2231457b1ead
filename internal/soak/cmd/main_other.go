//go:build !linux

// Soak needs Linux.
package main

import "log"

func main() { log.Fatal("sandboxes need Linux") }
