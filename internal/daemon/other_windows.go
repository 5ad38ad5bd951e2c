package daemon

import (
	"errors"
	"net"
	"os"
	"time"

	"github.com/compile-cache/compile-cache-action/internal/protocol"
)

// There is no daemon on Windows yet: builds run uncached there, and every command says so.

// ErrRunning says that another daemon serves the place already.
var ErrRunning = errors.New("a daemon is running already")

var errWindows = errors.New("compile-cache does not cache on Windows yet")

// OwnDirectories makes the instance's directories.
func OwnDirectories(protocol.Place) error { return errWindows }

func takeLock(protocol.Place) (*os.File, error) { return nil, errWindows }

func sweep(protocol.Place, time.Time) {}

// Running reports whether a daemon of this place lives.
func Running(protocol.Place) bool { return false }

func identify(string) (dev, ino uint64, err error) { return 0, 0, errWindows }

func fileSystemSize(string) int64 { return 0 }

func hasRoom(string) bool { return true }

func peerUID(net.Conn) (int, error) { return 0, errWindows }

// Namespace names this process's mount namespace: there is one.
func Namespace() string { return "0" }

// Detach starts the daemon.
func Detach(string, []string, []string) error { return errWindows }

// TellStarter returns the function that tells Detach how the start went.
func TellStarter() func(error) { return func(error) {} }

// ReadSecrets returns what Detach hands over: nothing.
func ReadSecrets() (Secrets, error) { return Secrets{}, nil }

// Conceal keeps other processes from reading this one's memory.
func Conceal() error { return nil }

// InForeground reports whether signals of a console reach our children too.
func InForeground() bool { return true }

// Alive reports whether a process exists.
func Alive(int) bool { return false }
