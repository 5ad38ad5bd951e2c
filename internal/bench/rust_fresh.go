package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// rustRemote is what fresh machines reach: a bucket, and a server of the archives, each behind a link.
type rustRemote struct {
	s3       *s3Server
	near     *link // without delay, for the machine that publishes
	far      *link
	archives *http.Server
	served   chan error
	toFiles  *link
}

// remoteAddress is the bucket as one machine reaches it.
type remoteAddress struct {
	address string // host and port
	bucket  string // and a prefix, perhaps
	env     []string
	files   string // host and port of the server of files
}

// Of waiting until a machine has published all: nothing went over its link for so long.
const (
	publishStill    = 5 * time.Second
	publishPatience = 10 * time.Minute
)

// prepareRemote starts the servers and lets each side publish once, from an empty cache. Without a server no fresh machine
// is measured.
func (b *rustBench) prepareRemote(ctx context.Context) (err error) {
	r := &rustRemote{served: make(chan error, 1)}
	if r.s3, err = b.findS3(ctx); err != nil {
		b.absent = append(b.absent, Absent{Case: kindFresh, Variant: "all", Why: err.Error()})
		b.say("%s: left out: %v", kindFresh, err)
		return ctx.Err()
	}
	b.remote = r
	if r.near, err = newLink(r.s3.address, 0); err != nil {
		return err
	}
	if r.far, err = newLink(r.s3.address, b.o.RoundTrip); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	r.archives = &http.Server{Handler: http.FileServer(http.Dir(b.Dir)), ReadHeaderTimeout: 10 * time.Second}
	go func() { r.served <- r.archives.Serve(listener) }()
	if r.toFiles, err = newLink(listener.Addr().String(), b.o.RoundTrip); err != nil {
		return err
	}
	for _, s := range b.sides {
		if s.fresh == nil || s.out || s.name == nameArchive {
			continue
		}
		began := b.Now()
		b.try(ctx, s, kindFresh, func() error { return b.publish(ctx, s) })
		b.say("%s published in %s", s.name, b.Now().Sub(began).Round(100*time.Millisecond))
	}
	return ctx.Err()
}

func (r *rustRemote) close() {
	for _, l := range []*link{r.near, r.far, r.toFiles} {
		if l != nil {
			l.close()
		}
	}
	if r.archives != nil {
		_ = r.archives.Close()
		<-r.served
	}
	r.s3.stop()
}

func (r *rustRemote) over(l *link) *remoteAddress {
	m := &remoteAddress{address: l.address(), bucket: r.s3.bucket, env: r.s3.env}
	if r.toFiles != nil {
		m.files = r.toFiles.address()
	}
	return m
}

// publish builds on a machine without a cache that writes to the bucket, and waits until all is there.
func (b *rustBench) publish(ctx context.Context, s *side) error {
	dir, err := b.directory(filepath.Base(s.dir), "machine-one")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := s.fresh(b.remote.over(b.remote.near), dir)
	if err != nil {
		return err
	}
	defer m.stop()
	if err := b.clean(s.checkout); err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Join(s.checkout, "target"))
	before := b.remote.near.up.Load()
	if _, _, err := b.build(ctx, m, m.checkout, m.env); err != nil {
		return err
	}
	if m.farewell != nil && s.name == nameCcwrap {
		m.farewell() // which publishes; of the others some drop what waits
	}
	if err := b.still(ctx, b.remote.near); err != nil {
		return err
	}
	up := b.remote.near.up.Load() - before
	if up == 0 {
		return fmt.Errorf("it wrote nothing to the bucket")
	}
	b.note(kindFresh, s.name+": uploaded by the first machine, MB", float64(up)/1e6)
	return nil
}

// still waits until a link is.
func (b *rustBench) still(ctx context.Context, l *link) error {
	began, since, last := b.Now(), b.Now(), int64(-1)
	for b.Now().Sub(since) < publishStill {
		if b.Now().Sub(began) > publishPatience {
			return fmt.Errorf("it still publishes after %s", publishPatience)
		}
		if moved := l.up.Load() + l.down.Load(); moved != last {
			last, since = moved, b.Now()
		}
		if err := sleep(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// freshTurn builds on a machine that has nothing. What it starts, counts.
func (b *rustBench) freshTurn(ctx context.Context, s *side, round int) error {
	dir, err := b.directory(filepath.Base(s.dir), fmt.Sprintf("machine-%d", round+2))
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m, err := s.fresh(b.remote.over(b.remote.far), dir)
	if err != nil {
		return err
	}
	defer m.stop()
	if err := b.clean(s.checkout); err != nil {
		return err
	}
	way := b.remote.far
	if s.name == nameArchive {
		way = b.remote.toFiles
	}
	before := way.down.Load()
	if err := b.measured(ctx, m, kindFresh, m.checkout, round, true); err != nil {
		return err
	}
	b.note(kindFresh, s.name+": downloaded, MB", float64(way.down.Load()-before)/1e6)
	return nil
}

// download gets a file below the run's directory over the link.
func (m *remoteAddress) download(ctx context.Context, from, to string) error {
	name := from[strings.LastIndexByte(filepath.Dir(from), '/')+1:]
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.files+"/"+filepath.ToSlash(name), nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("get %s: status %s", name, resp.Status)
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, resp.Body); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
