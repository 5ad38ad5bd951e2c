package dir

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/objects"
)

// List implements objects.Store. It reads only directories that can hold what is asked for.
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (objects.Listing, error) {
	if err := objects.CheckList(prefix, after, limit); err != nil {
		return objects.Listing{}, s.refuse("list", "", "InvalidName", "%v", err)
	}
	l, err := await(ctx, s, func() (objects.Listing, error) {
		root, err := s.opened()
		if err != nil {
			return objects.Listing{}, err
		}
		start := path.Dir(prefix + "x") // the directory where names that begin so lie
		w := walk{ctx: ctx, root: root, prefix: prefix, after: after, limit: limit, listing: objects.Listing{Time: s.now(root, start)}}
		err = w.directory(start)
		return w.listing, err
	}, nil)
	if err != nil {
		return objects.Listing{}, s.failure("list", prefix, err)
	}
	return l, nil
}

type walk struct {
	ctx           context.Context
	root          *os.Root
	prefix, after string
	limit         int
	listing       objects.Listing
}

// directory adds what lies below dir, in byte order of full names: a directory's place is that of its name with "/" behind.
func (w *walk) directory(dir string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	names, err := w.names(dir)
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		if w.listing.More {
			return nil
		}
		if below, isDirectory := strings.CutSuffix(name, "/"); isDirectory {
			if err := w.directory(below); err != nil {
				return err
			}
			continue
		}
		info, err := w.root.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // removed meanwhile
		case err != nil:
			return err
		case !info.Mode().IsRegular():
			continue
		case len(w.listing.Objects) == w.limit:
			w.listing.More = true
			return nil
		}
		w.listing.Objects = append(w.listing.Objects, objects.Object{Name: name, Size: info.Size()})
	}
	return nil
}

// names returns the full names in dir that are asked for, and those, with "/" behind, of directories which may hold such. A directory
// that is not there holds nothing.
func (w *walk) names(dir string) ([]string, error) {
	d, err := w.root.OpenFile(dir, os.O_RDONLY|nonblock, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	if info, err := d.Stat(); err != nil || !info.IsDir() {
		return nil, err
	}
	found, err := d.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, entry := range found {
		name := path.Join(dir, entry.Name())
		switch {
		case objects.CheckName(name) != nil:
		case entry.Type().IsRegular():
			if strings.HasPrefix(name, w.prefix) && name > w.after {
				names = append(names, name)
			}
		case entry.IsDir():
			name += "/"
			held := strings.HasPrefix(name, w.prefix) || strings.HasPrefix(w.prefix, name)
			if held && (name > w.after || strings.HasPrefix(w.after, name)) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}
