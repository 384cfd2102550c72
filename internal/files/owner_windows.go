package files

import "io/fs"

// owner has no answer in numbers on Windows.
func owner(fs.FileInfo) (user, group int) { return -1, -1 }
