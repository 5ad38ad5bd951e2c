package rustc

import (
	"encoding/binary"

	"github.com/compile-cache/compile-cache-action/internal/digest"
)

// cpuid executes the instruction of this name.
func cpuid(leaf, subleaf uint32) (eax, ebx, ecx, edx uint32)

// xgetbv returns the low half of XCR0: which registers the system keeps. It may be executed where CPUID says that the system set it up.
func xgetbv() uint32

// Registers that an answer of CPUID is kept of.
const (
	eax = 1 << iota
	ebx
	ecx
	edx
)

// questions are those that LLVM asks for the name and the features of the processor, with some room for what later versions ask. What
// differs from core to core, such as their numbers, is left out.
var questions = []struct{ leaf, subleaf, kept uint32 }{
	{0x0, 0, eax | ebx | ecx | edx}, // the highest leaf, and who made it
	{0x1, 0, eax | ecx | edx},       // family, model, stepping, features
	{0x7, 0, eax | ebx | ecx | edx}, {0x7, 1, eax | ebx | ecx | edx}, {0x7, 2, eax | ebx | ecx | edx},
	{0xd, 1, eax},
	{0x14, 0, ebx},
	{0x19, 0, ebx},
	{0x1e, 1, eax},
	{0x24, 0, eax | ebx}, {0x24, 1, ecx},
	{0x29, 0, ebx},
	{0x80000000, 0, eax},
	{0x80000001, 0, ecx | edx},
	{0x80000007, 0, edx},
	{0x80000008, 0, ebx},
	{0x80000021, 0, eax},
}

// processorSays returns a digest of what the processor says of itself.
func processorSays() string {
	var said []byte
	highest, _, _, _ := cpuid(0, 0)
	highestExtended, _, _, _ := cpuid(0x80000000, 0)
	for _, q := range questions {
		if q.leaf < 0x80000000 && q.leaf > highest || q.leaf > highestExtended {
			continue // the answer would be another leaf's
		}
		a, b, c, d := cpuid(q.leaf, q.subleaf)
		for i, value := range []uint32{a, b, c, d} {
			if q.kept&(1<<i) != 0 {
				said = binary.LittleEndian.AppendUint32(said, value)
			}
		}
	}
	const systemSaves = 1 << 27
	if _, _, c, _ := cpuid(1, 0); c&systemSaves != 0 {
		said = binary.LittleEndian.AppendUint32(said, xgetbv())
	}
	return digest.KeyOf(said).String()[:2*valueBytes]
}
