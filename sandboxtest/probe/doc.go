// Probe is the program that tries the probes of sandboxtest inside a sandbox.
// sandboxtest builds and starts it.
package main
