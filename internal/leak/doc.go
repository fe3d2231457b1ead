// Package leak finds what a program that starts sandboxes has left behind:
// processes, cgroups, mounts, descriptors, private files and goroutines. Tests
// and the soak compare what there is before and afterwards.
package leak
