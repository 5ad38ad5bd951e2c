#include "textflag.h"

#define SYS_rt_sigaction 13
#define EINVAL 22
#define SIG_IGN 1

// int32 sigactionHook(uint64 sig, new, old *sigaction), called as C calls: arguments in DI, SI and DX. EINVAL means that the
// runtime is to make the call itself.
TEXT sigactionHook(SB), NOSPLIT|NOFRAME, $0
	TESTQ	SI, SI
	JNZ	pass
	TESTQ	DX, DX
	JZ	pass
	MOVQ	$8, R10 // bytes of a signal mask
	MOVQ	$SYS_rt_sigaction, AX
	SYSCALL
	TESTQ	AX, AX
	JNZ	pass
	CMPQ	0(DX), $SIG_IGN
	JNE	done
	LEAQ	-1(DI), CX
	MOVQ	$1, AX
	SHLQ	CX, AX
	ORQ	AX, ·ignored(SB)
done:
	XORL	AX, AX
	RET
pass:
	MOVL	$EINVAL, AX
	RET
