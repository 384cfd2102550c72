//go:build unix

package files

import (
	"io/fs"
	"syscall"
)

// owner is the user and the group of a file.
func owner(info fs.FileInfo) (user, group int) {
	stat := info.Sys().(*syscall.Stat_t) // as package os has it on Unix systems
	return int(stat.Uid), int(stat.Gid)
}
