package rustc

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend/toolchain"
)

// answer is what a compiler says of itself.
type answer struct {
	sysroot string
	host    string
	version string // for people: the content says more
}

// whereFirst asks before the compiler's files are hashed, which takes long in a new daemon, where no answer is known that would do. It
// reports whether it did.
func (p *probe) whereFirst() (asked bool, err error) {
	if _, err := toolchain.Interpreter(p.C.Program); err != nil || p.f.answers.Len() > 0 {
		return false, nil
	}
	return true, p.where()
}

// whereOnce is where for a program whose files are known: cargo calls one compiler with several values of LD_LIBRARY_PATH,
// which mostly lead to the same libraries, and then only the loader is asked anew. What is loaded by other ways is not: then it asks each time. asked says that it
// has been asked already.
func (p *probe) whereOnce(asked bool) error {
	for _, name := range []string{"LD_PRELOAD", "LD_AUDIT"} {
		if _, ok := p.C.Getenv(name); ok {
			if asked {
				return nil
			}
			return p.where()
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", p.C.Kind, p.C.Program)
	for _, f := range p.Found.Files {
		// A compiler finds its sysroot from where its libraries really lie.
		real, err := filepath.EvalSymlinks(f.Path)
		if err != nil {
			return p.Refuse("%v", err)
		}
		fmt.Fprintf(&b, "%s %s %s\n", f.Role, real, f.Digest)
	}
	k := digest.KeyOf([]byte(b.String()))
	if !asked {
		if known, ok := p.f.answers.Get(k); ok {
			p.answer = known
			return nil
		}
		if err := p.where(); err != nil {
			return err
		}
	}
	p.f.answers.Set(k, p.answer)
	return nil
}
