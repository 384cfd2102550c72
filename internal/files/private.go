package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

const (
	groupWrites = 0o020
	othersWrite = 0o002
	maxLinks    = 40 // as in Linux, path_resolution(7)
)

// CheckPrivate returns an [InsecureError] if others could change or replace a file or
// folder: if everyone, or a group that this process is not in, may write to it or to a
// folder on its path. It follows symbolic links and checks the folders that contain
// them as well. In a folder with the sticky bit, such as /tmp, only the owner can
// replace a file, so there the owner must be this user or root. A path that does not
// exist yet is private.
//
// These are the rules of OpenSSH (StrictModes in sshd_config(5)), with two exceptions:
// a group that this process is in may write, and the owner is not checked elsewhere,
// because files mounted into a container often belong to a user unknown there.
//
// On Windows every path is accepted: the access control list of the user's folder
// protects it, and the mode that Go reports there does not reflect that list.
func CheckPrivate(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	whole := path
	if !filepath.IsAbs(path) {
		here, err := os.Getwd()
		if err != nil {
			return err
		}
		path = here + "/" + path // not cleaned: ".." after a link has another meaning
	}
	w := walk{whole: whole, at: "/", rest: strings.Split(path, "/")}
	for len(w.rest) > 0 {
		if over, err := w.step(); over || err != nil {
			return err
		}
	}
	info, err := os.Stat(w.at)
	if err != nil {
		return unlessAbsent(err)
	}
	if by := writers(info); by != "" {
		return &InsecureError{whole + " may be written by " + by, "chmod go-w " + w.at}
	}
	return nil
}

// walk follows a path to its end, folder by folder.
type walk struct {
	whole string   // as the operator wrote it
	at    string   // the part followed so far, without links
	rest  []string // remaining components
	links int
}

// step follows the next component. It returns true if the remaining ones do not exist.
func (w *walk) step() (over bool, err error) {
	name := w.rest[0]
	w.rest = w.rest[1:]
	switch name {
	case "", ".":
		return false, nil
	case "..":
		w.at = filepath.Dir(w.at)
		return false, nil
	}
	folder, err := os.Stat(w.at)
	if err != nil {
		return true, unlessAbsent(err)
	}
	next := filepath.Join(w.at, name)
	info, err := os.Lstat(next)
	by := writers(folder)
	switch {
	case by != "" && folder.Mode()&fs.ModeSticky == 0:
		return true, &InsecureError{w.whole + " is not safe in " + w.at + ", which may be written by " + by, "chmod go-w " + w.at + ", or use another folder"}
	case err != nil:
		return true, unlessAbsent(err)
	case by != "" && !trusted(info):
		return true, &InsecureError{next + " belongs to another user, who may have put it into " + w.at, "use a file or folder of your own"}
	case info.Mode()&fs.ModeSymlink == 0:
		w.at = next
		return false, nil
	}
	return false, w.follow(next)
}

func (w *walk) follow(link string) error {
	if w.links++; w.links > maxLinks {
		return &fs.PathError{Op: "open", Path: w.whole, Err: syscall.ELOOP}
	}
	target, err := os.Readlink(link)
	if err != nil {
		return err
	}
	if filepath.IsAbs(target) {
		w.at = "/"
	}
	w.rest = append(strings.Split(target, "/"), w.rest...)
	return nil
}

// writers names the users other than the owner who may write; it is empty if there are none.
func writers(info fs.FileInfo) string {
	_, group := owner(info)
	groups, _ := os.Getgroups() // on an error only the effective group counts
	return writersOf(info.Mode(), group, append(groups, os.Getegid()))
}

func writersOf(mode fs.FileMode, group int, own []int) string {
	switch {
	case mode&othersWrite != 0:
		return "everyone"
	case mode&groupWrites != 0 && !slices.Contains(own, group):
		return fmt.Sprintf("the group %d, which this process is not in", group)
	}
	return ""
}

// trusted reports whether the owner is root or the user of this process.
func trusted(info fs.FileInfo) bool {
	user, _ := owner(info)
	return user == 0 || user == os.Geteuid()
}

func unlessAbsent(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}

// PrivatePath returns the path of a file in the state folder dir. It returns an error if others could change
// the folder or the file; see [CheckPrivate].
func PrivatePath(dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	for _, checked := range []string{dir, path} {
		if err := CheckPrivate(checked); err != nil {
			return "", fmt.Errorf("the state folder: %w", err)
		}
	}
	return path, nil
}
