package bucket

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/compile-cache/compile-cache-action/internal/cache/bucket/pack"
	"github.com/compile-cache/compile-cache-action/internal/e2e/realm"
)

// read returns an object.
func read(t *testing.T, g *realm.Gateway, bucket, key string) []byte {
	t.Helper()
	out, err := g.Owner().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	defer out.Body.Close()
	b, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return b
}

// complete checks that whatever an index or a profile names is in the bucket and whole: readers are never led astray, whenever
// publishing was cut off. It returns the number of indexes and of records; see sees what records hold.
func complete(t *testing.T, g *realm.Gateway, bucket, prefix string, see ...func([]byte)) (indexes, records int) {
	t.Helper()
	names := objects(t, g, bucket, prefix)
	packs := map[string][]byte{}
	for _, name := range names {
		if strings.Contains(name, "/pack/") {
			packs[name] = read(t, g, bucket, prefix+name)
		}
	}
	refer := func(by, root string, refs []pack.Ref) {
		for _, ref := range refs {
			name := pack.PackName(root, ref.Scope, ref.Sum)
			if b, ok := packs[name]; !ok || int64(len(b)) != ref.Size {
				t.Errorf("%s names %s of %d bytes; the bucket has it: %t, with %d bytes", by, name, ref.Size, ok, len(b))
			}
		}
	}
	check := func(by, root string, refs []pack.Ref, l pack.Located) {
		records++
		b := packs[pack.PackName(root, refs[l.Pack].Scope, refs[l.Pack].Sum)]
		if l.Offset < 0 || l.Length < 0 || l.Offset+l.Length > int64(len(b)) {
			t.Errorf("%s: record %v lies outside of its pack of %d bytes", by, l.Record, len(b))
			return
		}
		payload, err := pack.Decode(l.Record, bytes.NewReader(b[l.Offset:l.Offset+l.Length]))
		var held []byte
		if err == nil {
			held, err = io.ReadAll(payload)
			payload.Close()
		}
		if err != nil {
			t.Errorf("%s: record %v: %v", by, l.Record, err)
		}
		for _, f := range see {
			f(held)
		}
	}
	for _, name := range names {
		switch {
		case strings.Contains(name, "/index/"):
			indexes++
			id, err := pack.ParseIndexName(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			table, err := pack.OpenIndex(read(t, g, bucket, prefix+name))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			refer(name, id.Root, table.Packs())
			for l := range table.All() {
				check(name, id.Root, table.Packs(), l)
			}
		case strings.Contains(name, "/profile/"):
			root, _, _, _, err := pack.ParseProfileName(name)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			p, err := pack.ParseProfile(read(t, g, bucket, prefix+name))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			refer(name, root, p.Packs)
			for _, item := range p.Items {
				check(name, root, p.Packs, item.Located)
			}
		case !strings.Contains(name, "/pack/") && !strings.HasSuffix(name, "/doctor"):
			t.Errorf("%s is neither pack nor index nor profile, nor what doctor writes", name)
		}
	}
	for name, b := range packs {
		if _, err := pack.ReadTable(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, sum, err := pack.ParsePackName(name); err != nil || fmt.Sprint(sum) != name[strings.LastIndexByte(name, '/')+1:] {
			t.Errorf("%s: %v", name, err)
		}
	}
	return indexes, records
}
