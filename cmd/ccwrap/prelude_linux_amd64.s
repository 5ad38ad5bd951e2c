//go:build go1.26 && !go1.27 && !plainstart

#include "textflag.h"

#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002

// void preludeHook(g *g0, ...): runtime·rt0_go calls it as C calls, before all else. argc and argv lie 24 and 32 bytes above where
// its stack was. As cgo's initialization it has to set up the thread's local storage, whose one word is g.
TEXT preludeHook(SB), NOSPLIT|NOFRAME, $0
	MOVQ	DI, ·local(SB)
	LEAQ	·local+8(SB), SI // as ELF has it, g is at -8(FS)
	MOVQ	$ARCH_SET_FS, DI
	MOVQ	$SYS_arch_prctl, AX
	SYSCALL
	TESTQ	AX, AX
	JNZ	done // the runtime notices
	MOVQ	32(SP), AX
	MOVQ	40(SP), BX
	// The kernel puts argc right below argv: anything else is not what we take it for.
	CMPQ	-8(BX), AX
	JNE	done
	SUBQ	$16, SP
	MOVQ	AX, 0(SP)
	MOVQ	BX, 8(SP)
	CALL	·prelude(SB)
	ADDQ	$16, SP
done:
	RET
