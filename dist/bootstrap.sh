#!/bin/sh
# First step of compile-cache-action: finds or builds the two programs and tells the next step where compile-cache is.
# It is plain sh, because images such as Alpine's have no bash, and it never fails: without programs the job goes on uncached.
#
# In:  INPUT_BINARY_PATH (directory of ready programs, or empty), GITHUB_ACTION_PATH, RUNNER_TEMP
# Out: output "program", the path of compile-cache; empty where there is none
set -u

# give_up MESSAGE HINT: says why there is no cache, in the log, as an annotation and in the job summary.
give_up() {
	echo "compile-cache: error: $1"
	echo "compile-cache: hint: $2"
	message=$(printf '%s' "$1; the build runs uncached. $2" | sed 's/%/%25/g')
	echo "::error::compile-cache: $message"
	printf '### compile-cache: not running\n\n%s; the build runs uncached. %s\n' "$1" "$2" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
	exit 0
}

# one_line: keeps what came from elsewhere from starting a line of its own, which the runner could take for a command.
one_line() { tr -s '\r\n\t' '   '; }

binary_path=$(printf '%s' "${INPUT_BINARY_PATH:-}" | one_line)
case $binary_path in
'') ;;
\~/*) binary_path=${HOME:-}/${binary_path#??} ;;
/*) ;;
*) binary_path=${GITHUB_WORKSPACE:-$PWD}/$binary_path ;;
esac

if [ -n "$binary_path" ]; then
	programs=$binary_path
	for name in ccwrap compile-cache; do
		if ! [ -x "$programs/$name" ]; then
			give_up "there is no program $name in $programs" "binary-path names a directory with both ccwrap and compile-cache."
		fi
	done
elif command -v go >/dev/null 2>&1; then
	programs=${RUNNER_TEMP:-/tmp}/compile-cache/programs
	mkdir -p "$programs" || give_up "$programs cannot be made" "Check RUNNER_TEMP."
	echo "building compile-cache with $(go version)"
	# The project's own settings of Go are not ours.
	if ! said=$(cd "$GITHUB_ACTION_PATH" && env -u GOFLAGS -u GOOS -u GOARCH GOWORK=off CGO_ENABLED=0 \
		go build -trimpath -ldflags='-s -w' -o "$programs/" ./cmd/ccwrap ./cmd/compile-cache 2>&1); then
		printf '%s\n' "$said" | sed 's/^/go build: /'
		give_up "compile-cache could not be built: $(printf '%s' "$said" | tail -n 1 | one_line)" \
			"Set up Go 1.26, or name a directory of ready programs by binary-path."
	fi
else
	give_up "there is no Go to build compile-cache with" \
		"Use actions/setup-go before this action, or name a directory of ready programs by binary-path."
fi

if ! said=$("$programs/compile-cache" version 2>&1); then
	give_up "$programs/compile-cache cannot run here: $(printf '%s' "$said" | tail -n 1 | one_line)" \
		"It must be built for $(uname -s) on $(uname -m)."
fi
printf '%s\n' "$said" | one_line
echo
echo "program=$programs/compile-cache" >>"$GITHUB_OUTPUT"
