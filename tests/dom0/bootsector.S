/* SPDX-License-Identifier: MIT
 * The first sector of an HVM guest's disk: it sleeps, or, where its byte WORD is 'o', powers off after some seconds.
 * The port is the one where hvmloader puts the power management block of Xen's machine. */
    .set PM_CONTROL, 0xb004
    .set SOFT_OFF, 0x2000
    .set TICKS, 72                              /* of the timer, 18 per second */

    .code16
    .text
    .globl start
start:
    xor %ax, %ax
    mov %ax, %ds
    mov 0x46c, %bx
    sti
sleep:
    hlt
    cmpb $'o', 0x7c00 + 508
    jne sleep
    mov 0x46c, %ax
    sub %bx, %ax
    cmp $TICKS, %ax
    jb sleep
    mov $PM_CONTROL, %dx
    mov $SOFT_OFF, %ax
    out %ax, %dx
    jmp sleep
    .org 508
    .byte 0, 0, 0x55, 0xaa
