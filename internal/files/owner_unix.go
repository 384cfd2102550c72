//go:build unix

package files

import (
	"io/fs"
	"syscall"
)

func owner(info fs.FileInfo) (user, group int) {
	stat := info.Sys().(*syscall.Stat_t) // the type that package os uses on Unix systems
	return int(stat.Uid), int(stat.Gid)
}
