package probe

// Facts are what the probes know about the host: things that were put there to
// be found, and what the host looks like from outside. They travel as JSON in
// the probe program's arguments.
type Facts struct {
	Word string // the content of the canary, the argument of the bystander

	Dir                  string // on the host, open to everyone
	Canary               string // a file in it, open to everyone
	Handle               []byte // of the canary, for open_by_handle_at(2)
	HandleType           int32
	Entries              map[string]string // a name in each directory of the host that has one
	Users                string            // a digest of the host's /etc/passwd
	Disk                 string            // a block device that can be read
	DiskMajor, DiskMinor uint32

	Namespaces map[string]string // of the host program, as in /proc/self/ns
	Bystander  int               // a process of the host
	Session    int               // of the host program
	Interfaces []string          // of the host's network, without lo

	TCP                       string // address of a server on the host's loopback
	Abstract                  string // name of a server's abstract Unix socket
	Socket                    string // path of a server's Unix socket
	Segment, Semaphore, Queue int    // System V keys of things that exist
	Shared                    string // a file in /dev/shm
	Message                   string // a queue in /dev/mqueue
	Terminal                  string // a pseudo-terminal of the host

	Variable  string // in the environment of the host program
	Directory int    // descriptor of Dir that the host program leaks
	File      int    // descriptor of the canary, open for writing
	Key       string // in the session keyring of the host program

	// Supervisor is the process that the probes of that group turn on. Where it
	// is 0, the probe program's parent is meant, and in a control it is a process
	// that stands in for it.
	Supervisor int
	StandIn    bool
}
