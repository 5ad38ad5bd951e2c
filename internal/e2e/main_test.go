package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compile-cache/compile-cache-action/internal/e2e/workplace"
)

// What TestMain makes for all tests.
var (
	work       *workplace.Place
	copied     string // the files of this checkout, without .git, as the action is checked out on a runner
	act        string
	actionlint string
)

func TestMain(m *testing.M) { os.Exit(workplace.Main(m, "../..", prepare)) }

func prepare(p *workplace.Place) (err error) {
	work = p
	copied = filepath.Join(work.Dir, "repository")
	if err := copyCheckout(work.Repository, copied); err != nil {
		return err
	}
	if act, err = workplace.Tool("act"); err != nil {
		return err
	}
	actionlint, err = workplace.Tool("actionlint")
	return err
}

// copyCheckout copies what git knows, or would add, but this module.
func copyCheckout(from, to string) error {
	list, err := workplace.Output(from, nil, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(list, "\x00") {
		if name == "" || strings.HasPrefix(name, "internal/e2e/") {
			continue
		}
		err := workplace.Copy(filepath.Join(from, name), filepath.Join(to, name))
		if err != nil && !os.IsNotExist(err) { // removed, and not committed yet
			return err
		}
	}
	return nil
}
