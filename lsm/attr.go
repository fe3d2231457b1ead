package lsm

// An Attr is a label for the next execve of the thread that writes it.
type Attr struct {
	// File is the file to write to, below /proc/thread-self/attr.
	File string
	// Value is what to write.
	Value string
	// Answer is how the file's content begins once the kernel has taken the
	// label.
	Answer string
}
