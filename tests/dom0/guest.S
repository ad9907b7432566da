/* SPDX-License-Identifier: MIT
 * A guest of one page for the emulated dom0, which Xen boots as PV and as PVH kernel. It sleeps; a word in its command
 * line makes it end after a few seconds: "guest.off" powers off, "guest.reboot" resets, "guest.crash" says that it has
 * crashed. As on a processor with SVM, PVH calls Xen by vmmcall. */
    .set SCHED_OP, 29
    .set SHUTDOWN, 2
    .set POLL, 3
    .set YIELD, 0

    .macro note type, size, value:vararg
    .long 4, \size, \type
    .asciz "Xen"
    \value
    .balign 4
    .endm
    .section .note.Xen, "a", @note
    note 6, 4, .asciz "bed"                     /* guest, loader, interface */
    note 8, 8, .asciz "generic"
    note 5, 8, .asciz "xen-3.0"
    note 3, 8, .quad 0                          /* linked where it lies: virtual base and offset */
    note 4, 8, .quad 0
    note 1, 8, .quad pv_begin
    note 2, 8, .quad hypercalls
    note 9, 4, .asciz "yes"                     /* PAE */
    note 18, 4, .long pvh_begin

    .text
    .globl pv_begin
    .balign 4096
hypercalls:
    .skip 4096

/* %esi: the command line. The first letter behind "guest." in %al, else 0. For both modes, as no instruction
 * here is read differently by them. */
    .macro find_word
1:  movb (%esi), %al
    test %al, %al
    jz 2f
    add $1, %esi
    cmpl $0x73657567, -1(%esi)                  /* "gues" */
    jne 1b
    movb 5(%esi), %al
2:
    .endm

/* What the letter asks for, in reason; sleeps for ever without one. */
    .macro obey call
    movb $0, reason
    cmp $'o', %al
    je 3f
    movb $1, reason
    cmp $'r', %al
    je 3f
    movb $3, reason
    cmp $'c', %al
    je 3f
sleep\@:
    mov $POLL, %ebx
    mov $poll, %ecx
    \call
    jmp sleep\@
3:  rdtsc
    mov %edx, begun
again\@:
    mov $YIELD, %ebx
    xor %ecx, %ecx
    \call
    rdtsc                                       /* two or three times 2^32 cycles are some seconds */
    sub begun, %edx
    cmp $3, %edx
    jb again\@
    mov $SHUTDOWN, %ebx
    mov $reason, %ecx
    \call
    jmp sleep\@
    .endm

    .code64
pv_call:
    mov %ebx, %edi
    mov %ecx, %esi
    lea hypercalls + SCHED_OP * 32, %eax
    jmp *%rax
pv_begin:
    add $128, %esi                              /* of the start information */
    mov $stack, %esp
    find_word
    obey "call pv_call"

    .code32
pvh_begin:
    mov 24(%ebx), %esi
    mov $stack, %esp
    find_word
    .macro pvh_call
    mov $SCHED_OP, %eax
    vmmcall
    .endm
    obey pvh_call

    .data
    .balign 16
poll:
    .quad 0, 0, 0
reason:
    .long 0
begun:
    .long 0
    .skip 256
stack:
