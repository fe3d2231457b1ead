// Package attempt has single hostile acts that a sandbox may refuse: files,
// mounts, namespaces, processes, system calls, sockets. Each returns nil where it
// succeeded and the kernel's error where it was refused, and is harmless where
// it succeeds, in the namespaces of whoever tries it.
//
// The tests of the defaults and the probes of sandboxtest are made of these.
package attempt
