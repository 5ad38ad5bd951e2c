//go:build unix

package rustoracle

import "fmt"

// replacing changes a file that every link, or every compile, uses.
func replacing(path string) func(*world, int) []op {
	return func(_ *world, n int) []op {
		return []op{{kind: "remove", a: "early/cc"}, {kind: "remove", a: "tc/" + rustlib + "/bin/cc"}, {kind: "remove", a: "tc/" + gccLD + "/ld.lld"},
			{kind: "remove", a: "sys/mbin/real-ld"}, {kind: "remove", a: "early/collect2"}, {kind: "replace", a: path, b: string(image(fmt.Sprint("replaced ", n)))}}
	}
}

// plainly gives all crates plain sources, so that they compile, and with them texts for some of them, by name and path.
func plainly(w *world, texts map[string]string) []op {
	var ops []op
	for _, u := range w.units {
		text, ok := texts[u.name]
		if !ok {
			text = "fn plain\n"
			for _, e := range u.externs {
				text = "use " + e + ";\n" + text
			}
		}
		ops = append(ops, op{kind: "write", a: w.path(u, u.root()), b: text}, op{kind: "flags", a: u.name})
	}
	return ops
}

// nativeOf changes the static library that reg bundles, so that nothing but code differs above it.
func nativeOf(w *world, n int) []op {
	ops := plainly(w, map[string]string{"base": "use reg;\nfn plain\n"})
	return append(ops, op{kind: "libs", a: "reg", b: "static=nat"}, op{kind: "libs", a: "app", b: ""}, op{kind: "remove", a: "native/libnat.a"},
		op{kind: "write", a: w.path(w.unit("reg"), "out/libnat.a"), b: fmt.Sprintf("native %d\n", n)})
}

// earlierNative lets another static library appear before the one that was taken.
func earlierNative(w *world, n int) []op {
	ops := nativeOf(w, 0)
	if n%2 == 0 {
		return ops
	}
	return append(ops, op{kind: "write", a: "native/libnat.a", b: "earlier\n"})
}

// earlierShared does it with a library that only the linker looks for.
func earlierShared(w *world, n int) []op {
	ops := append(plainly(w, nil), op{kind: "libs", a: "app", b: "dylib=dyn"}, op{kind: "libs", a: "reg"}, op{kind: "remove", a: "native/libdyn.a"},
		op{kind: "write", a: "sys/lib/libdyn.so", b: "dyn"})
	if n%2 == 0 {
		return append(ops, op{kind: "remove", a: "native/libdyn.so"})
	}
	return append(ops, op{kind: "write", a: "native/libdyn.so", b: "earlier"})
}

// macroReads has the macro read something, and base use it.
func macroReads(action string, change func(w *world, n int) []op) func(*world, int) []op {
	return func(w *world, n int) []op {
		macro := w.units[1].name
		return append(plainly(w, map[string]string{macro: action + "\n", "base": "use " + macro + ";\nderive! " + macro + " A\n", "mid": "use base;\nderive! " + macro + " B\n"}),
			change(w, n)...)
	}
}

// unset alternates between a variable that is not set and an empty one.
func unset(w *world, n int) []op {
	ops := plainly(w, map[string]string{"reg": "option_env!(\"BAR\")\n"})
	if n%2 == 0 {
		return append(ops, op{kind: "setenv", a: "BAR"})
	}
	return append(ops, op{kind: "unset", a: "BAR"})
}

// twin lets the other place of a module's file appear.
func twin(w *world, n int) []op {
	base := w.unit("base")
	ops := append(plainly(w, map[string]string{"base": "mod m0;\n"}), op{kind: "write", a: w.path(base, "src/m0.rs"), b: "fn m0\n"})
	if n%2 == 0 {
		return append(ops, op{kind: "remove", a: w.path(base, "src/m0/mod.rs")})
	}
	return append(ops, op{kind: "write", a: w.path(base, "src/m0/mod.rs"), b: "fn nested\n"})
}

// swapped lets two modules change places.
func swapped(w *world, n int) []op {
	u := w.unit("base")
	return append(plainly(w, map[string]string{"base": "mod m1;\nmod m3;\n"}), op{kind: "write", a: w.path(u, "src/m1.rs"), b: fmt.Sprintf("fn a%d\n", n%2)},
		op{kind: "write", a: w.path(u, "src/m3.rs"), b: fmt.Sprintf("fn a%d\n", 1-n%2)})
}

// otherShared changes that library.
func otherShared(w *world, n int) []op {
	return append(earlierShared(w, 0), op{kind: "replace", a: "sys/lib/libdyn.so", b: fmt.Sprint("dyn ", n)})
}

// including changes a text that mid includes.
func including(w *world, n int) []op {
	return append(plainly(w, map[string]string{"mid": "include_str!(\"../data a.txt\")\n"}), op{kind: "write", a: w.path(w.unit("mid"), "data a.txt"), b: fmt.Sprint(n)})
}

// included changes what a build script made for mid.
func included(w *world, n int) []op {
	return append(plainly(w, map[string]string{"mid": "include!(concat!(env!(\"OUT_DIR\"), \"/g.rs\"));\n"}),
		op{kind: "write", a: w.path(w.unit("mid"), "out/g.rs"), b: fmt.Sprintf("fn made%d\n", n)})
}

// sneaking changes a source without changing its size or the time of its last change.
func sneaking(w *world, n int) []step {
	return []step{
		{ops: plainly(w, map[string]string{"mid": "use base;\nfn sneak0\n"})},
		{ops: []op{{kind: "sneak", a: w.path(w.unit("mid"), "src/lib.rs"), b: fmt.Sprintf("use base;\nfn sneak%d\n", 1+n%9)}}},
	}
}

// earlierBeside lets a shared library appear where the program has a static library too.
func earlierBeside(w *world, n int) []op {
	app := w.unit("app")
	return append(earlierShared(w, n), op{kind: "libs", a: "app", b: "static=nat dylib=dyn"}, op{kind: "remove", a: "sys/lib/libdyn.so"},
		op{kind: "write", a: w.path(app, "out/libdyn.a"), b: "archive"}, op{kind: "write", a: w.path(app, "out/libnat.a"), b: "archive"})
}

// blamed changes a file that only a message of another crate quotes, and is not compiled since.
func blamed(w *world, _ int) []step {
	mid := w.unit("mid")
	return []step{
		{ops: plainly(w, map[string]string{"base": "fn quoted\n", "mid": "use base;\nblames! base\n"})},
		{ops: []op{{kind: "write", a: w.path(w.unit("base"), "src/lib.rs"), b: "fn changed\n"}}, only: mid.name},
	}
}
