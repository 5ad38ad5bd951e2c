package realm

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Fault is one thing that goes wrong with answers. Its fields are set before it is played.
type Fault struct {
	Name string
	Only func(*Request) bool // nil: every request
	Pass int64               // so many of them go well first

	before  func()                                   // then the server is asked all the same
	answer  func(http.ResponseWriter, *http.Request) // instead of the server
	alter   func(*http.Response) bool                // what the server answered; false: it is not of the kind
	arrived atomic.Int64
	fired   atomic.Int64
}

// Fired is how often it was played.
func (f *Fault) Fired() int64 { return f.fired.Load() }

func (f *Fault) applies(r *Request) bool {
	return (f.Only == nil || f.Only(r)) && f.arrived.Add(1) > f.Pass
}

func (f *Fault) change(resp *http.Response) bool { return f.alter != nil && f.alter(resp) }

// Moment is a time in the life of a request.
type Moment int

// Moments, in order.
const (
	Before  Moment = iota // the request is on its way, and arrives
	Instead               // the request is on its way, and gets lost
	After                 // the server has done what was asked, and its answer is on its way
)

// Interrupt calls f at a moment of requests.
func Interrupt(at Moment, f func()) *Fault {
	fault := &Fault{Name: "interrupt"}
	switch at {
	case Before:
		fault.before = f
	case Instead:
		fault.answer = func(http.ResponseWriter, *http.Request) {
			f()
			panic(http.ErrAbortHandler) // which hangs up
		}
	case After:
		fault.alter = func(*http.Response) bool {
			f()
			return true
		}
	}
	return fault
}

// refusal is an error as S3 words it.
func refusal(name string, status int, code, message, more string, header ...string) *Fault {
	return &Fault{Name: name, answer: func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("X-Amz-Request-Id", "REQUEST-"+name)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message>%s<RequestId>REQUEST-%s</RequestId></Error>`, code, message, more, name)
		}
	}}
}

// SlowDown is what S3 says when it is asked too much.
func SlowDown() *Fault {
	return refusal("slow-down", http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.", "")
}

// TooManyRequests asks to come back after so many seconds.
func TooManyRequests(seconds int) *Fault {
	return refusal("too-many", http.StatusTooManyRequests, "TooManyRequests", "Too many requests.", "", "Retry-After", strconv.Itoa(seconds))
}

// Broken is a server's own error.
func Broken() *Fault {
	return refusal("broken", http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.", "")
}

// AccessDenied refuses.
func AccessDenied() *Fault {
	return refusal("denied", http.StatusForbidden, "AccessDenied", "Access Denied", "")
}

// ExpiredToken refuses credentials that were good before.
func ExpiredToken() *Fault {
	return refusal("expired", http.StatusBadRequest, "ExpiredToken", "The provided token has expired.", "")
}

// Skewed refuses because the client's clock is wrong by so much.
func Skewed(by time.Duration) *Fault {
	f := refusal("skewed", 0, "", "", "")
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		now := time.Now().UTC()
		refusal("skewed", http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
			fmt.Sprintf("<RequestTime>%s</RequestTime><ServerTime>%s</ServerTime><MaxAllowedSkewMilliseconds>900000</MaxAllowedSkewMilliseconds>",
				r.Header.Get("X-Amz-Date"), now.Add(by).Format(time.RFC3339)),
			"Date", now.Add(by).Format(http.TimeFormat)).answer(w, r)
	}
	return f
}

// Portal answers everything with a page, as the network of an airport does.
func Portal() *Fault {
	return &Fault{Name: "portal", answer: func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!DOCTYPE html><html><body>Welcome! Please accept our terms.</body></html>")
	}}
}

// Garbage puts noise of the same length in place of what was asked for.
func Garbage() *Fault {
	return &Fault{Name: "garbage", alter: func(resp *http.Response) bool {
		return altered(resp, func(body []byte) []byte {
			for i := range body {
				body[i] = byte(i*7 + 13)
			}
			return body
		})
	}}
}

// FlippedBit changes one bit of each body: that of the byte at a thousandth of its length.
func FlippedBit(thousandth int) *Fault {
	return &Fault{Name: "flipped-bit", alter: func(resp *http.Response) bool {
		return altered(resp, func(body []byte) []byte {
			body[len(body)*thousandth/1000] ^= 0x10
			return body
		})
	}}
}

// Short ends each body in the middle, although its length says more.
func Short() *Fault {
	return &Fault{Name: "short", alter: func(resp *http.Response) bool {
		return altered(resp, func(body []byte) []byte { return body[:len(body)/2] })
	}}
}

// WrongRange answers with another range than was asked for, and says so.
func WrongRange() *Fault {
	return &Fault{Name: "wrong-range", alter: func(resp *http.Response) bool {
		if resp.StatusCode != http.StatusPartialContent {
			return false
		}
		var from, to, size int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &from, &to, &size); err != nil {
			return false
		}
		resp.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from+1, to+1, size+1))
		return true
	}}
}

// WholeForRange answers a request for a range with the whole object's status, so that the body lies elsewhere than asked.
func WholeForRange() *Fault {
	return &Fault{Name: "whole-for-range", alter: func(resp *http.Response) bool {
		if resp.StatusCode != http.StatusPartialContent {
			return false
		}
		resp.StatusCode, resp.Status = http.StatusOK, ""
		resp.Header.Del("Content-Range")
		return true
	}}
}

// altered gives an answer another body, where it is one with the contents of an object. The length that it says stays.
func altered(resp *http.Response, change func([]byte) []byte) bool {
	if resp.Request.Method != http.MethodGet || resp.StatusCode/100 != 2 || strings.Contains(resp.Header.Get("Content-Type"), "xml") {
		return false
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || len(body) == 0 {
		resp.Body = io.NopCloser(bytes.NewReader(body))
		return false
	}
	resp.Body = io.NopCloser(bytes.NewReader(change(body)))
	return true
}
