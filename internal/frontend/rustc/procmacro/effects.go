package procmacro

import "strings"

// Effects of an import. Those that are none of these constants are texts for people.
const (
	harmless       = ""
	readsVariables = "reads variables"
	readsFiles     = "reads files"
	readsManifests = "reads manifests"
	asksPlaces     = "asks where sources lie"
	allVariables   = "takes all variables"
	anyProgram     = "starts programs"
	network        = "uses the network"
	clock          = "reads the clock"
	writes         = "writes files"
	fileTimes      = "reads the clock or times of files"
	fileRights     = "reads rights of files"
	fileState      = "reads whatever is known of files"
	arguments      = "reads the compiler's arguments or input"
	randomness     = "makes random numbers"
	systemCalls    = "makes system calls"
	unknown        = "calls what is not known"
)

// effects says what functions of the C library mean, and what the words of functions that directUse knows. What is not here is unknown.
var effects = effectTable(map[string]string{
	harmless: `abort free malloc calloc realloc posix_memalign aligned_alloc memalign malloc_usable_size reallocarray
		memcpy memmove memset memcmp bcmp memchr memrchr memmem mempcpy strlen strnlen strcmp strncmp strchr strrchr strstr strcasecmp strncasecmp
		strcpy strncpy strcat strncat strtol strtoul strtod strtoll strtoull strdup strndup snprintf vsnprintf sprintf
		strerror strerror_r __xpg_strerror_r qsort bsearch
		__errno_location __tls_get_addr __cxa_finalize __cxa_thread_atexit_impl __cxa_atexit __gmon_start__ __stack_chk_fail __memcpy_chk __memset_chk
		__memmove_chk __snprintf_chk __vsnprintf_chk __strcpy_chk __strcat_chk __assert_fail
		_ITM_deregisterTMCloneTable _ITM_registerTMCloneTable dl_iterate_phdr
		munmap mprotect madvise mremap brk sysconf getauxval getpagesize
		gettid sched_yield sched_getaffinity nanosleep clock_nanosleep sigaltstack sigaction
		setjmp _setjmp longjmp __sigsetjmp siglongjmp
		__ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc isalpha isdigit isspace tolower toupper
		acos asin atan atan2 acosh asinh atanh cos cosh sin sinh tan tanh cbrt ceil floor round trunc rint exp exp2 expm1 log log2 log10 log1p pow sqrt hypot
		fmod fma fmin fmax fdim ldexp frexp modf tgamma lgamma_r erf erfc ceilf floorf roundf truncf rintf expf exp2f expm1f logf log2f log10f log1pf powf
		sqrtf hypotf fmodf fmaf fminf fmaxf ldexpf sinf cosf tanf asinf acosf atanf atan2f sinhf coshf tanhf asinhf acoshf atanhf cbrtf tgammaf lgammaf_r sincos sincosf`,
	readsVariables: `getenv secure_getenv`,
	readsFiles: `open open64 openat openat64 read pread pread64 readv preadv close fcntl fcntl64 lseek lseek64 mmap mmap64
		stat stat64 fstat fstat64 lstat lstat64 fstatat fstatat64 statx __xstat __xstat64 __fxstat __fxstat64 __lxstat __lxstat64 __fxstatat64
		statfs statfs64 fstatfs64 access faccessat readlink readlinkat realpath getcwd
		opendir fdopendir readdir readdir64 readdir_r readdir64_r closedir dirfd rewinddir poll posix_fadvise64 posix_fadvise flock`,
	readsManifests: `manifests`,
	asksPlaces:     `local_file`,
	allVariables:   `environ __environ`,
	fileTimes:      `file_times SystemTime`,
	fileRights:     `file_rights`,
	arguments:      `args stdin current_exe`,
	fileState:      `file_state`,
	randomness:     `random getrandom getentropy arc4random`,
	systemCalls:    `system_calls`,
	anyProgram: `fork vfork execv execve execvp execvpe execl execlp fexecve posix_spawn posix_spawnp posix_spawn_file_actions_init system popen wait waitpid waitid wait4
		kill pidfd_open pidfd_send_signal clone pipe pipe2 setsid socketpair`,
	network: `socket connect bind listen accept accept4 send sendto sendmsg recv recvfrom recvmsg getaddrinfo gethostbyname getsockopt setsockopt
		getpeername getsockname shutdown gethostname`,
	clock: `clock_gettime gettimeofday time localtime localtime_r gmtime gmtime_r mktime ftime clock clock_getres`,
	writes: `write writev pwrite pwrite64 mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2 link linkat symlink symlinkat ftruncate ftruncate64 truncate64 chmod fchmod
		fchmodat chown fchown lchown fsync fdatasync utimensat futimens mkstemp mkstemp64 mkdtemp sendfile sendfile64 copy_file_range splice setenv unsetenv putenv chdir fchdir`,
})

func effectTable(byEffect map[string]string) map[string]string {
	m := map[string]string{}
	for effect, names := range byEffect {
		for _, n := range strings.Fields(names) {
			m[n] = effect
		}
	}
	return m
}

// prefixes of imports that do nothing: the unwinder, and threads, which share all with the macro that starts them.
var harmlessPrefixes = []string{"_Unwind_", "pthread_", "sem_", "__pthread_"}

func effectOf(name string) string {
	if effect, ok := effects[name]; ok {
		return effect
	}
	for _, p := range harmlessPrefixes {
		if strings.HasPrefix(name, p) {
			return harmless
		}
	}
	return unknown
}
