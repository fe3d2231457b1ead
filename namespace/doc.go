// Package namespace describes Linux namespaces and the ids inside them as
// plain data, and opens namespaces that exist so that a process can join them.
//
//   - A [Set] is the kinds of namespace to create or join, with the kernel's
//     CLONE_NEW* numbers.
//   - [IDMaps] say which user or group ids outside a user namespace stand
//     behind the ids inside it. [Remap] takes them from /etc/subuid and
//     /etc/subgid, as Docker's userns-remap does.
//   - [IPCMode], [NetworkMode], [PIDMode], [UTSMode] and [CgroupMode] are the
//     values of Docker's flags --ipc, --network, --pid, --uts and --cgroupns.
//   - An [Identity] is what a user specification such as "nobody:nogroup" means
//     in given passwd and group files.
//   - [Open] and [OpenPath] open a namespace of a process or of a file, and
//     refuse what is not a namespace of the wanted kind.
//
// The package creates no namespace, joins none, starts no program and writes
// no map: it says what a launcher needs to know before it does.
//
// A namespace changes what a process can name, and alone it is not a sandbox. A
// new user namespace in particular hands out a full set of capabilities inside it,
// which opens kernel code that ordinary users otherwise cannot reach.
//
// Everything that is not about live processes and files works on every
// operating system; the rest returns an [*UnsupportedError] elsewhere than on
// Linux. See namespaces(7), user_namespaces(7), subuid(5) and newuidmap(1).
package namespace
