package pack

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// encodeWindow is how far back the encoder looks. On an object file of 4.4 MB with debugging information,
// 2 and 4 MiB shrink it by no more: 5.19-fold all three.
const encodeWindow = 1 << 20

// The compressor and its buffers live in pools, and none of them has goroutines: the garbage collector frees what is not used.
// Options of this package cannot be wrong, so their errors are panics that a test would meet.
var encoders = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true),
		zstd.WithWindowSize(encodeWindow), zstd.WithEncoderCRC(false))
	if err != nil {
		panic(err)
	}
	return e
}}

var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(maxWindow), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		panic(err)
	}
	return d
}}

// buffers hold a small payload and, behind it, its compressed form.
var buffers = sync.Pool{New: func() any {
	b := make([]byte, 2*smallSize+smallSize/8)
	return &b
}}

// compress writes the frame of size bytes of r to w.
func compress(w io.Writer, r io.Reader, size int64) error {
	e := encoders.Get().(*zstd.Encoder)
	defer func() {
		e.Reset(nil)
		encoders.Put(e)
	}()
	e.ResetContentSize(w, size)
	if _, err := io.Copy(onlyWriter{e}, r); err != nil {
		return errors.Join(err, e.Close())
	}
	return e.Close()
}

// onlyWriter hides ReadFrom, whose read errors could not be told from those of w.
type onlyWriter struct{ io.Writer }

// compressed appends the frame of a small payload to b.
func compressed(payload, b []byte) []byte {
	e := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(e)
	return e.EncodeAll(payload, b)
}
