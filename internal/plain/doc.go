// Package plain opens files of the kernel's own file systems, such as /proc. Package os
// offers each file to the network poller first, which takes them for nothing or,
// worse, wakes up for them: /proc/self/mountinfo can be polled.
package plain
