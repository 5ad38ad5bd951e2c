package cc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/compile-cache/compile-cache-action/internal/compile"
	"github.com/compile-cache/compile-cache-action/internal/frontend"
)

// angleDirs returns the directories that are searched for <name>, in order, before the compiler drops those that are missing or
// the same.
func angleDirs(c *compile.Compilation, chain *chain) []string {
	d := c.Detail.(*detail)
	language := "C_INCLUDE_PATH"
	if c.Language == "c++" {
		language = "CPLUS_INCLUDE_PATH"
	}
	return slices.Concat(d.includeDirs, variableDirs(c, "CPATH"), d.systemDirs, variableDirs(c, language), chain.searchDirs, d.afterDirs)
}

// variableDirs splits a list of directories; an empty element is the working directory.
func variableDirs(c *compile.Compilation, name string) []string {
	list, _ := c.Getenv(name)
	if list == "" {
		return nil
	}
	dirs := strings.Split(list, ":")
	for i := range dirs {
		if dirs[i] == "" {
			dirs[i] = "."
		}
	}
	return dirs
}

// sameDirectories returns facts about which search directories are one under several names. The compiler drops the others, so
// a link that leads elsewhere changes order and spelling even where all files keep their contents.
func sameDirectories(c *compile.Compilation, chain *chain, files frontend.Files) []string {
	var facts []string
	first := make(map[fileID]int)
	d := c.Detail.(*detail)
	for i, dir := range slices.Concat(d.quoteDirs, angleDirs(c, chain)) {
		fi, err := files.Stat(frontend.Absolute(c.Dir, dir))
		if err != nil {
			continue // its absence is watched
		}
		id := fileID{fi.Dev, fi.Ino}
		if other, ok := first[id]; ok {
			facts = append(facts, fmt.Sprintf("search directory %d is %d", i, other))
		} else {
			first[id] = i
		}
	}
	return facts
}
