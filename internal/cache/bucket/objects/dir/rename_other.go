//go:build !linux && !darwin

package dir

import (
	"errors"
	"os"
)

// renameExclusive is not to be had here.
func renameExclusive(*os.Root, string, string, string) error { return errors.ErrUnsupported }
