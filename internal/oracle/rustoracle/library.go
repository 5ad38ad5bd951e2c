//go:build unix

package rustoracle

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
)

// member is a file in an archive.
type member struct {
	name string
	data []byte
}

// archive writes members as ar does, long names in a table of their own.
func archive(members []member) []byte {
	var b, long bytes.Buffer
	header := func(name string, size int) {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", name, 0, 0, 0, "644", size)
	}
	b.WriteString("!<arch>\n")
	names := make([]string, len(members))
	for i, m := range members {
		names[i] = m.name + "/"
		if len(names[i]) > 16 {
			names[i] = fmt.Sprintf("/%d", long.Len())
			long.WriteString(m.name + "/\n")
		}
	}
	all := members
	if long.Len() > 0 {
		all, names = append([]member{{"//", long.Bytes()}}, members...), append([]string{"//"}, names...)
	}
	for i, m := range all {
		header(names[i], len(m.data))
		b.Write(m.data)
		if len(m.data)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// macroLibrary writes a shared library of procedural macros, an ELF file: code that calls the imported functions, data, and, unless it is
// stripped, a symbol table that names the functions.
func macroLibrary(imports []string, data, metadata []byte, stripped bool) []byte {
	le := binary.LittleEndian
	type section struct {
		name              string
		kind, flags, addr uint64
		link, info, entry uint32
		data              []byte
	}
	strings := func(names []string) (table []byte, at []uint32) {
		table = []byte{0}
		for _, n := range names {
			at = append(at, uint32(len(table)))
			table = append(append(table, n...), 0)
		}
		return table, at
	}
	symbol := func(b []byte, name uint32, info byte, index uint16, value, size uint64) []byte {
		b = le.AppendUint32(b, name)
		b = append(b, info, 0)
		b = le.AppendUint16(b, index)
		return le.AppendUint64(le.AppendUint64(b, value), size)
	}
	const text, got, rodata = 0x1000, 0x4000, 0x5000 // addresses
	const textIndex, rodataIndex = 3, 6              // of sections

	dynstr, at := strings(append([]string{"__rustc_proc_macro_decls_0123456789abcdef__"}, imports...))
	dynsym := symbol(make([]byte, 24), at[0], 1<<4|byte(elf.STT_OBJECT), rodataIndex, rodata, 8)
	code := []byte{0xc3} // a function of the standard library
	var rela []byte
	for i := range imports {
		dynsym = symbol(dynsym, at[1+i], 1<<4|byte(elf.STT_FUNC), 0, 0, 0)
		slot := uint64(got + 8*i)
		rela = le.AppendUint64(rela, slot)
		rela = le.AppendUint64(rela, uint64(2+i)<<32|uint64(elf.R_X86_64_GLOB_DAT))
		rela = le.AppendUint64(rela, 0)
		code = append(code, 0xff, 0x15) // call *slot(%rip)
		code = le.AppendUint32(code, uint32(slot-(text+uint64(len(code))+4)))
	}
	code = append(code, 0xc3)
	symstr, at := strings([]string{"_ZN3std2rt4init17h0123456789abcdefE", "_ZN4demo3run17h0123456789abcdefE"})
	symtab := symbol(make([]byte, 24), at[0], byte(elf.STT_FUNC), textIndex, text, 1)
	symtab = symbol(symtab, at[1], byte(elf.STT_FUNC), textIndex, text+1, uint64(len(code)-1))

	const alloc, exec, write = uint64(elf.SHF_ALLOC), uint64(elf.SHF_EXECINSTR), uint64(elf.SHF_WRITE)
	sections := []section{
		{},
		{name: ".dynsym", kind: uint64(elf.SHT_DYNSYM), flags: alloc, addr: 0x200, link: 2, info: 1, entry: 24, data: dynsym},
		{name: ".dynstr", kind: uint64(elf.SHT_STRTAB), flags: alloc, addr: 0x800, data: dynstr},
		{name: ".text", kind: uint64(elf.SHT_PROGBITS), flags: alloc | exec, addr: text, data: code},
		{name: ".rela.dyn", kind: uint64(elf.SHT_RELA), flags: alloc, addr: 0x3000, link: 1, entry: 24, data: rela},
		{name: ".got", kind: uint64(elf.SHT_PROGBITS), flags: alloc | write, addr: got, data: make([]byte, 8*len(imports))},
		{name: ".rodata", kind: uint64(elf.SHT_PROGBITS), flags: alloc, addr: rodata, data: append(make([]byte, 8), data...)},
		{name: ".rustc", kind: uint64(elf.SHT_PROGBITS), data: metadata},
	}
	if !stripped {
		sections = append(sections,
			section{name: ".symtab", kind: uint64(elf.SHT_SYMTAB), link: uint32(len(sections) + 1), info: 3, entry: 24, data: symtab},
			section{name: ".strtab", kind: uint64(elf.SHT_STRTAB), data: symstr})
	}
	sections = append(sections, section{name: ".shstrtab", kind: uint64(elf.SHT_STRTAB)})
	var names []string
	for _, s := range sections {
		names = append(names, s.name)
	}
	table, at := strings(names)
	sections[len(sections)-1].data = table

	file := make([]byte, 64)
	copy(file, "\x7fELF\x02\x01\x01")
	var headers []byte
	for i, s := range sections {
		offset := len(file)
		file = append(file, s.data...)
		headers = le.AppendUint32(headers, at[i])
		headers = le.AppendUint32(headers, uint32(s.kind))
		for _, v := range []uint64{s.flags, s.addr, uint64(offset), uint64(len(s.data))} {
			headers = le.AppendUint64(headers, v)
		}
		headers = le.AppendUint32(headers, s.link)
		headers = le.AppendUint32(headers, s.info)
		headers = le.AppendUint64(le.AppendUint64(headers, 1), uint64(s.entry))
	}
	le.PutUint16(file[16:], uint16(elf.ET_DYN))
	le.PutUint16(file[18:], uint16(elf.EM_X86_64))
	le.PutUint32(file[20:], 1)
	le.PutUint64(file[40:], uint64(len(file)))
	le.PutUint16(file[52:], 64)
	le.PutUint16(file[54:], 56)
	le.PutUint16(file[58:], 64)
	le.PutUint16(file[60:], uint16(len(sections)))
	le.PutUint16(file[62:], uint16(len(sections)-1))
	return append(file, headers...)
}
