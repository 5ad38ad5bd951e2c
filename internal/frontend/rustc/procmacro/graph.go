package procmacro

import (
	"debug/elf"
	"encoding/binary"
	"slices"
	"sort"
	"strings"
)

// graph is the functions of a library and what their code refers to.
type graph struct {
	functions []function // by address
	starts    map[uint64]int
	imports   map[uint64]string // by the place that holds an import's address, or by a stub that jumps there
	slots     map[uint64]uint64 // by the place: the function whose address it holds
	pointed   map[uint64]bool   // functions whose addresses are in data
	held      []string          // imports whose addresses are in data: code may come to them by a table, without naming their places
	text      []section
	stubs     []section
}

// function is code with a name, or nameless code between such.
type function struct {
	from, to uint64
	names    []string
}

type section struct {
	addr uint64
	data []byte
	end  uint64
}

// Relocations of x86-64.
const (
	relative = uint32(elf.R_X86_64_RELATIVE)
	absolute = uint32(elf.R_X86_64_64)
	globDat  = uint32(elf.R_X86_64_GLOB_DAT)
	jumpSlot = uint32(elf.R_X86_64_JMP_SLOT)
)

// tlsRelocations say where variables of threads are; they hold no addresses of functions.
var tlsRelocations = map[uint32]bool{
	uint32(elf.R_X86_64_DTPMOD64): true, uint32(elf.R_X86_64_DTPOFF64): true, uint32(elf.R_X86_64_TPOFF64): true,
}

// newGraph returns nil where functions cannot be told apart.
func newGraph(f *elf.File, dynamic []elf.Symbol) *graph {
	if f.Machine != elf.EM_X86_64 {
		return nil
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil
	}
	g := &graph{starts: map[uint64]int{}, imports: map[uint64]string{}, slots: map[uint64]uint64{}, pointed: map[uint64]bool{}}
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOBITS || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		switch {
		case s.Flags&elf.SHF_EXECINSTR != 0:
			data, err := s.Data()
			if err != nil {
				return nil
			}
			sec := section{addr: s.Addr, data: data, end: s.Addr + uint64(len(data))}
			if strings.HasPrefix(s.Name, ".plt") {
				g.stubs = append(g.stubs, sec)
			} else {
				g.text = append(g.text, sec)
			}
		case s.Type == 19: // SHT_RELR, packed relocations
			return nil
		}
	}
	if !g.addFunctions(symbols) || !g.addRelocations(f, dynamic) {
		return nil
	}
	g.addStubs()
	return g
}

// addFunctions makes functions of symbols. It reports whether the table is a whole one: libraries can be stripped in part.
func (g *graph) addFunctions(symbols []elf.Symbol) bool {
	byStart := map[uint64]*function{}
	var std bool
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Section == elf.SHN_UNDEF {
			continue
		}
		fn := byStart[s.Value]
		if fn == nil {
			fn = &function{from: s.Value, to: s.Value + s.Size}
			byStart[s.Value] = fn
		}
		fn.to = max(fn.to, s.Value+s.Size)
		fn.names = append(fn.names, s.Name)
		std = std || isStandard(s.Name)
	}
	if !std {
		return false
	}
	for _, fn := range byStart {
		g.functions = append(g.functions, *fn)
	}
	sort.Slice(g.functions, func(i, j int) bool { return g.functions[i].from < g.functions[j].from })
	g.functions = g.fillGaps()
	for i, fn := range g.functions {
		g.starts[fn.from] = i
	}
	return true
}

// fillGaps makes code that no symbol covers a function of its own, or part of the function of unknown size before it.
func (g *graph) fillGaps() []function {
	var all []function
	for _, text := range g.text {
		at := text.addr
		for i, fn := range g.functions {
			if fn.from < text.addr || fn.from >= text.end {
				continue
			}
			if fn.from > at && !isPadding(text.data[at-text.addr:fn.from-text.addr]) {
				all = append(all, function{from: at, to: fn.from})
			}
			if fn.to == fn.from {
				fn.to = text.end
				if i+1 < len(g.functions) {
					fn.to = min(fn.to, g.functions[i+1].from)
				}
			}
			fn.to = min(fn.to, text.end)
			all = append(all, fn)
			at = max(at, fn.to)
		}
		if at < text.end && !isPadding(text.data[at-text.addr:]) {
			all = append(all, function{from: at, to: text.end})
		}
	}
	return all
}

// isPadding reports whether code between functions does nothing: breakpoints, zeros, and the long forms of nop.
func isPadding(code []byte) bool {
	for _, b := range code {
		switch b {
		case 0xcc, 0x90, 0x00, 0x66, 0x2e, 0x0f, 0x1f, 0x40, 0x44, 0x80, 0x84:
		default:
			return false
		}
	}
	return true
}

func (g *graph) addRelocations(f *elf.File, dynamic []elf.Symbol) bool {
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		data, err := s.Data()
		if err != nil {
			return false
		}
		for ; len(data) >= 24; data = data[24:] {
			slot, info, addend := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:]), binary.LittleEndian.Uint64(data[16:])
			target := addend
			switch kind := uint32(info); {
			case kind == relative:
			case kind == absolute || kind == globDat || kind == jumpSlot:
				i := int(info>>32) - 1 // debug/elf leaves the null symbol out
				if i < 0 || i >= len(dynamic) {
					return false
				}
				if dynamic[i].Section == elf.SHN_UNDEF {
					g.imports[slot] = dynamic[i].Name
					if !inGOT(f, slot) {
						g.held = append(g.held, dynamic[i].Name)
					}
					continue
				}
				target += dynamic[i].Value
			case tlsRelocations[kind]:
				continue
			default:
				return false
			}
			if _, ok := g.starts[target]; !ok {
				continue
			}
			g.slots[slot] = target
			if !inGOT(f, slot) {
				g.pointed[target] = true
			}
		}
	}
	return true
}

// inGOT reports whether a place is in the table through which code refers to functions: who does is seen in the code.
func inGOT(f *elf.File, addr uint64) bool {
	for _, s := range f.Sections {
		if (s.Name == ".got" || s.Name == ".got.plt") && addr >= s.Addr && addr < s.Addr+s.Size {
			return true
		}
	}
	return false
}

// addStubs finds the imports that stubs jump to: jmp *place(%rip), in 16 bytes, or 8 in .plt.got.
func (g *graph) addStubs() {
	for _, s := range g.stubs {
		last := s.addr
		for i := 0; i+6 <= len(s.data); i++ {
			if s.data[i] != 0xff || s.data[i+1] != 0x25 {
				continue
			}
			end := s.addr + uint64(i) + 6
			name, ok := g.imports[end+displacement(s.data[i+2:])]
			for at := last; ok && at < end; at++ {
				g.imports[at] = name
			}
			last = end
		}
	}
}

func displacement(b []byte) uint64 { return uint64(int64(int32(binary.LittleEndian.Uint32(b)))) }

// references calls visit with each address that the code of a function refers to. Code of x86-64 that can be placed anywhere refers to
// functions by four bytes of distance at the end of a call, a jump, or an instruction that loads or computes an
// address; wherever bytes look like one of these they are taken for one.
func (g *graph) references(fn function, visit func(target uint64)) {
	for _, text := range g.text {
		if fn.from < text.addr || fn.to > text.end {
			continue
		}
		code := text.data[fn.from-text.addr : fn.to-text.addr]
		for i := 1; i+4 <= len(code); i++ {
			b := code[i-1]
			call := b == 0xe8 || b == 0xe9
			relativeOperand := b&0xc7 == 0x05
			conditional := b&0xf0 == 0x80 && i > 1 && code[i-2] == 0x0f
			if call || relativeOperand || conditional {
				visit(fn.from + uint64(i) + 4 + displacement(code[i:]))
			}
		}
	}
}

// reached follows the graph from the macro's own code and returns the imports that it comes to.
func (g *graph) reached() []use {
	var queue []int
	seen := make([]bool, len(g.functions))
	uses := map[string]use{}
	enter := func(i int) {
		fn := g.functions[i]
		if all(fn.names, readsManifest) {
			uses["manifests"] = use{name: "manifests", from: fn.name()}
			return
		}
		if !seen[i] && !all(fn.names, isMachinery) {
			seen[i] = true
			queue = append(queue, i)
		}
	}
	for i, fn := range g.functions {
		if g.pointed[fn.from] || !all(fn.names, isStandard) {
			enter(i)
		}
	}
	for _, name := range g.held {
		if asksState[name] {
			name = "file_state"
		}
		uses[name] = use{name: name, from: "a table"}
	}
	for len(queue) > 0 {
		fn := g.functions[queue[len(queue)-1]]
		queue = queue[:len(queue)-1]
		note := func(name string) {
			if _, ok := uses[name]; !ok {
				uses[name] = use{name: name, from: fn.name()}
			}
		}
		if what := directUse(fn.names); what != "" {
			note(what)
		}
		var state, plain bool
		g.references(fn, func(target uint64) {
			if slot, ok := g.slots[target]; ok {
				target = slot
			}
			if i, ok := g.starts[target]; ok {
				enter(i)
				state = state || all(g.functions[i].names, givesState)
				plain = plain || all(g.functions[i].names, isInlined)
			}
			if name, ok := g.imports[target]; ok && !all(fn.names, isAllowed(name)) {
				note(name)
				state = state || asksState[name]
			}
		})
		if state && !plain && !all(fn.names, isFiles) {
			note("file_state")
		}
	}
	list := make([]use, 0, len(uses))
	for _, u := range uses {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b use) int { return strings.Compare(a.name, b.name) })
	return list
}

func (fn *function) name() string {
	if len(fn.names) == 0 {
		return "code without a name"
	}
	return readable(fn.names[0])
}

// all reports whether ok holds for each of the names, and that there is one.
func all(names []string, ok func(string) bool) bool {
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return !ok(n) })
}
