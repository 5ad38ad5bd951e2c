package bench

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat, fixed by the kernel's interface.
const clockTick = 10 * time.Millisecond

// endPatience is what a process gets between the request to end and its end.
const endPatience = 3 * time.Second

// marked are processes that live, by their ids, with the CPU that they and those they waited for have used.
type marked map[int]time.Duration

// markedProcesses returns the processes whose environment, as they started, holds one of the marks, a variable with its value each.
func markedProcesses(marks []string) (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		env, err := os.ReadFile(path)
		if err != nil || !slices.ContainsFunc(strings.Split(string(env), "\x00"), func(kv string) bool { return slices.Contains(marks, kv) }) {
			continue
		}
		if pid, err := strconv.Atoi(strings.Split(path, "/")[2]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// markedCPU reads the CPU of all marked processes: the servers of a cache, once a build has ended. One that ended itself
// meanwhile, and was waited for by nobody of the build, is not seen.
func markedCPU(marks []string) marked {
	all := marked{}
	for _, pid := range markedProcesses(marks) {
		own, err := cpuClock(pid)
		if err != nil {
			continue
		}
		all[pid] = own + childrenCPU(pid)
	}
	return all
}

// childrenCPU is what the ended children of a process used: a server may run the compiler itself.
func childrenCPU(pid int) time.Duration {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name, in brackets, may hold anything; fields are counted behind it, from state, the third.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	const userOfChildren, systemOfChildren = 16 - 3, 17 - 3
	if len(fields) <= systemOfChildren {
		return 0
	}
	user, _ := strconv.ParseInt(fields[userOfChildren], 10, 64)
	system, _ := strconv.ParseInt(fields[systemOfChildren], 10, 64)
	return time.Duration(user+system) * clockTick
}

// usedSince is what processes used between two readings; one that began in between, from its beginning.
func usedSince(before, after marked) (used time.Duration) {
	for pid, cpu := range after {
		used += max(0, cpu-before[pid])
	}
	return used
}

// endMarked ends all marked processes and returns when they are gone. They are this run's: nobody else knows the marks.
func endMarked(marks []string) {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		pids := markedProcesses(marks)
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			p, err := os.FindProcess(pid)
			if err != nil {
				continue
			}
			if time.Since(began) < endPatience {
				_ = p.Signal(os.Interrupt)
			} else {
				_ = p.Kill()
			}
		}
		if time.Since(began) > 2*endPatience {
			return
		}
	}
}
