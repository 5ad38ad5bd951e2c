package rustc

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/digest"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// tree is a directory of which all files count.
type tree struct {
	root  string
	skip  string   // a directory in it that does not count, "" for none
	files []string // absolute; with a slash behind names of which nothing is read, see treeFiles
}

// workspaceOf returns the directory of a package's workspace: of those above it with a lock file the outermost within the checkout, else the
// checkout; "" where there is neither.
func workspaceOf(pkg string, files frontend.Files) string {
	workspace := ""
	for _, dir := range parents(pkg) {
		if files.Exists(dir, "Cargo.lock") {
			workspace = dir
		}
		if files.Exists(dir, ".git") {
			if workspace == "" {
				workspace = dir
			}
			break
		}
	}
	return workspace
}

// isBelow reports whether a path lies below a directory, or is it.
func isBelow(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") && !strings.Contains(path+"/", "/../")
}

// fetched reports whether cargo fetched a package: such a one belongs to no workspace here.
func fetched(pkg, cargoHome string) bool {
	return cargoHome != "" && (isBelow(pkg, filepath.Join(cargoHome, "registry")) || isBelow(pkg, filepath.Join(cargoHome, "git")))
}

// namesDigest stands for the names of a tree's files, relative to its root.
func namesDigest(root string, files []string) digest.Key {
	var b strings.Builder
	for _, f := range files {
		b.WriteString(strings.TrimPrefix(f, root))
		b.WriteByte(0)
	}
	return digest.KeyOf([]byte(b.String()))
}

// maxTree bounds the files below a directory that count, and the directories, maxDepth these below each other.
const (
	maxTree  = 4000
	maxDepth = 32
)

// treeFiles lists the regular files below a directory, in a fixed order, without version control's and without
// directories that are marked as caches, as cargo's target directory is, and without the directory skip. Who lists a directory sees more names: that of a
// directory in which none is found is listed too, with a slash behind, and with two that of what is neither, such as a link to nowhere.
func treeFiles(root, skip string, files frontend.Files) ([]string, *compile.Decline) {
	var found []string
	dirs := 0
	var walk func(dir string, depth int) *compile.Decline
	walk = func(dir string, depth int) *compile.Decline {
		names, err := files.Names(dir)
		if err != nil {
			return compile.Refuse(compile.ReasonMacro, err.Error())
		}
		if _, tagged := slices.BinarySearch(names, "CACHEDIR.TAG"); tagged {
			return nil
		}
		if dirs++; dirs > maxTree || depth > maxDepth {
			return compile.Refuse(compile.ReasonMacro, root+" is too deep or has too many directories")
		}
		before := len(found)
		for _, name := range names {
			path := dir + "/" + name
			if name == ".git" || name == ".hg" || name == ".svn" || name == ".jj" || path == skip {
				continue
			}
			info, err := files.Stat(path)
			switch {
			case err == nil && info.IsDirectory():
				if d := walk(path, depth+1); d != nil {
					return d
				}
			case err == nil && info.IsRegular():
				found = append(found, path)
			default:
				found = append(found, path+"//")
			}
			if len(found) > maxTree {
				return compile.Refuse(compile.ReasonMacro, fmt.Sprintf("%s has more than %d files", root, maxTree))
			}
		}
		if len(found) == before {
			found = append(found, dir+"/")
		}
		return nil
	}
	if d := walk(root, 0); d != nil {
		return nil, d
	}
	return found, nil
}

// upward is a text in a source that leads out of a directory, and what may stand before it: "$CARGO_MANIFEST_DIR/../../web/dist".
var upward = regexp.MustCompile(`"(?:[^"\\\n]*\})?(?:\$\w+|\$\{\w+)?/*((?:[^"\\\n/]+/)*\.\.(?:/[^"\\\n]*)?)"`)

// elsewhere refuses compiles whose sources name a path that leads out of the workspace, where macros read files far and wide: such as
// include_dir!("../../web/dist") in a repository of which the workspace is a part.
func (g *gathering) elsewhere(sources []string) error {
	if g.d.reach != reachWorkspace {
		return nil
	}
	for _, source := range sources {
		text, _, err := g.files.Read(source, maxSource)
		if err != nil {
			return compile.Refuse(compile.ReasonInput, err.Error())
		}
		for _, at := range upward.FindAllSubmatchIndex(text, -1) {
			spelled := string(text[at[2]:at[3]])
			for _, dir := range []string{g.d.pkg, filepath.Dir(source)} {
				path := filepath.Join(dir, spelled)
				info, err := g.files.Stat(path)
				if err == nil && info.IsDirectory() && (filepath.Ext(source) != ".rs" || !isMacroArgument(text[:at[0]])) {
					continue // a component of a path, or a word of a grammar
				}
				if err == nil && !slices.ContainsFunc(g.d.trees, func(t tree) bool { return isBelow(path, t.root) }) {
					return compile.Refuse(compile.ReasonMacro, "reads files, and "+filepath.Base(source)+" names "+path)
				}
			}
		}
	}
	return nil
}

// plainMacros are those of the standard library that are called with any text and read no file.
var plainMacros = regexp.MustCompile(`\b(?:(?:debug_)?assert(?:_eq|_ne)?|matches|format|e?print(?:ln)?|write(?:ln)?|panic|todo|unreachable|unimplemented|vec|dbg)\s*!\s*$`)

// macroCall is what stands before the bracket of a macro's call, or of an attribute of what is around it.
var macroCall = regexp.MustCompile(`[\w#]\s*!$`)

// maxArgument is how far before a text the macro is looked for that it is an argument of, in bytes.
const maxArgument = 4096

// isMacroArgument reports whether what follows text in a Rust source is an argument of a macro or an attribute: whether a bracket before it
// that is not closed belongs to one. Brackets in texts and comments are counted as any.
func isMacroArgument(text []byte) bool {
	depth := 0
	for i := len(text) - 1; i >= 0 && i > len(text)-maxArgument; i-- {
		switch text[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth--; depth >= 0 {
				continue
			}
			depth = 0
			before := bytes.TrimRight(text[max(0, i-maxName):i], " \t\r\n")
			if bytes.HasSuffix(before, []byte("#")) || macroCall.Match(before) && !plainMacros.Match(before) {
				return true
			}
		}
	}
	return false
}
