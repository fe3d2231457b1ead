// Package soak puts the library under load for as long as one likes: real
// programs, floods of everything that a sandbox limits, races over files, and
// faults, many at a time, each with a verdict that must be right. At the end
// nothing may be left. The command in cmd runs it; the tests run each scenario,
// and all of them together for some seconds.
package soak
