package bench

import (
	"bufio"
	"fmt"
	"net"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// client holds one connection and asks the same question again and again, as a wrapper asks it once.
type client struct {
	nc      net.Conn
	r       *bufio.Reader
	frame   []byte
	request []byte
}

// newClient connects to the daemon of an instance. The question is how this invocation is to be answered.
func newClient(in *instance, program string, args []string, dir string) (*client, error) {
	rootDev, rootIno, err := identity("/")
	if err != nil {
		return nil, err
	}
	dirDev, dirIno, err := identity(dir)
	if err != nil {
		return nil, err
	}
	request := &protocol.Request{
		Version: protocol.Version, Program: program, Args: args, Dir: dir, Env: in.env, Umask: 0o022, Namespace: in.place.Namespace,
		RootDev: rootDev, RootIno: rootIno, DirDev: dirDev, DirIno: dirIno,
	}
	nc, err := net.Dial("unix", in.place.Socket())
	if err != nil {
		return nil, err
	}
	return &client{nc: nc, r: bufio.NewReader(nc), request: protocol.AppendFrame(nil, request)}, nil
}

// hit asks once. Any answer but a hit is an error.
func (c *client) hit() error {
	if _, err := c.nc.Write(c.request); err != nil {
		return err
	}
	for {
		t, p, err := protocol.ReadFrame(c.r, c.frame)
		if err != nil {
			return err
		}
		c.frame = p
		switch t {
		case protocol.TypeWait:
		case protocol.TypeReplay:
			r, err := protocol.ParseReplay(p)
			if err == nil && r.Status != 0 {
				err = fmt.Errorf("the result has status %d", r.Status)
			}
			return err
		default:
			return fmt.Errorf("frame %d in place of a hit", t)
		}
	}
}

func (c *client) close() { c.nc.Close() }
