module github.com/compile-cache/compile-cache-action

go 1.26
