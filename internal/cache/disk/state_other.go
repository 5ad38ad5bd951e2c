//go:build !unix

package disk

import (
	"errors"
	"fmt"
	"os"
)

// Without owner, inode and change time a file can neither be trusted nor be known to be unchanged, so there is no store:
// checkPrivate refuses every directory, and nothing below it is reached.

func stateAt(path string, directory bool) (state, error) { return state{}, errors.ErrUnsupported }
func openRegular(path string) (*os.File, state, error)   { return nil, state{}, errors.ErrUnsupported }
func lockFile(path string) (*os.File, error)             { return nil, errors.ErrUnsupported }
func diskFull(err error) bool                            { return false }
func checkPrivate(dir string) error {
	return fmt.Errorf("%s: a disk store on this system: %w", dir, errors.ErrUnsupported)
}
