package wrapper

import (
	"syscall"
	"time"
)

func modified(st *syscall.Stat_t) time.Time { return time.Unix(st.Mtimespec.Unix()) }

func changed(st *syscall.Stat_t) time.Time { return time.Unix(st.Ctimespec.Unix()) }
