package main

import (
	"os"

	"github.com/seed-d1379373/sandbox/sandboxtest/internal/probe"
)

func main() { os.Exit(probe.Main(os.Args)) }
