package main

import "syscall"

// forbidDumps keeps the process's memory, in which identities and keys may be,
// out of core dumps: by the limit where the kernel writes them to a file, and by
// the process's own mark where it hands them to a program. Where that is refused,
// the process goes on.
func forbidDumps() {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	markUndumpable()
}
