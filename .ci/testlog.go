// Command testlog reads what go test -json writes and prints what go test alone would have: a line for each package, and all
// that failed tests said. It ends with 1 if a test was skipped that no line of the file in its argument expects.
//
//	go test -json ./... | go run .ci/testlog.go .ci/expected-skips
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

func main() {
	expected, err := read(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	var unexpected []string
	skipped := 0
	said := map[string]*strings.Builder{} // by package and test, while it runs
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Println(in.Text())
			continue
		}
		name := e.Package + " " + e.Test
		switch e.Action {
		case "build-output":
			fmt.Print(e.Output)
		case "output":
			if e.Test == "" {
				if !strings.HasPrefix(e.Output, "=== ") && e.Output != "PASS\n" {
					fmt.Print(e.Output)
				}
				break
			}
			if said[name] == nil {
				said[name] = &strings.Builder{}
			}
			said[name].WriteString(e.Output)
		case "pass":
			delete(said, name)
		case "fail":
			if e.Test != "" && said[name] != nil {
				fmt.Print(said[name])
			}
			delete(said, name)
		case "skip":
			if e.Test == "" {
				break // a package without tests
			}
			skipped++
			var text string
			if said[name] != nil {
				text = said[name].String()
			}
			if !matches(expected, e.Test) {
				unexpected = append(unexpected, name+"\n"+text)
			}
			delete(said, name)
		}
	}
	// What is left said something and then nothing more: a panic, or a time-out.
	for _, text := range said {
		fmt.Print(text)
	}
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	fmt.Printf("%d tests skipped, %d of them not expected\n", skipped, len(unexpected))
	for _, u := range unexpected {
		fmt.Printf("SKIPPED: %s", u)
	}
	if len(unexpected) > 0 {
		os.Exit(1)
	}
}

// read returns the regular expressions of a file, one a line; # begins a comment.
func read(name string) ([]*regexp.Regexp, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var list []*regexp.Regexp
	for _, line := range strings.Split(string(b), "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		re, err := regexp.Compile("^(?:" + line + ")$")
		if err != nil {
			return nil, err
		}
		list = append(list, re)
	}
	return list, nil
}

func matches(list []*regexp.Regexp, name string) bool {
	for _, re := range list {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}
