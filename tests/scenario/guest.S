/* SPDX-License-Identifier: MIT
 * A guest of a few hundred bytes for scenarios with a real QEMU, which boots it as a multiboot kernel. It sleeps, and
 * powers itself off when its power button is pressed, so that it costs nothing and obeys a shutdown. A word in its
 * command line makes it do more: "guest.off" powers off by itself after a second, "guest.reset" resets the machine
 * then, "guest.deaf" does not hear the button. */
    .set LOAD, 0x100000
    .set FLAGS, 0x00010000          /* the addresses below count, not an ELF header */
    .set MAGIC, 0x1badb002
    .set PM_STATUS, 0x600           /* where SeaBIOS puts the power management block of QEMU's "pc" machine */
    .set PM_ENABLE, 0x602
    .set PM_CONTROL, 0x604
    .set BUTTON, 0x100
    .set SOFT_OFF, 0x2000
    .set TICKS, 18                  /* of the timer, per second */

    .code32
    .globl start
start:
    jmp begin
    .balign 4
header:
    .long MAGIC, FLAGS, -(MAGIC + FLAGS)
    .long header, LOAD, 0, 0, begin

begin:
    mov $stack, %esp
    call read_words
    mov $tick, %eax
    mov %ax, idt + 64
    lgdt gdt_pointer
    ljmp $8, $flat
flat:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %ss
    lidt idt_pointer
    mov $0x34, %al                  /* the timer as ever, 18 times a second: the firmware has stopped it */
    out %al, $0x43
    xor %al, %al
    out %al, $0x40
    out %al, $0x40
    mov $0xfe, %al                  /* only the timer interrupts */
    out %al, $0x21
    mov $0xff, %al
    out %al, $0xa1
    mov $PM_ENABLE, %dx
    mov $BUTTON, %ax
    out %ax, %dx
    sti
sleep:
    hlt
    cmpb $'d', word
    je no_button
    mov $PM_STATUS, %dx
    in %dx, %ax
    test $BUTTON, %ax
    jnz power_off
no_button:
    cmpl $TICKS, ticks
    jb sleep
    cmpb $'o', word
    je power_off
    cmpb $'r', word
    jne sleep
    mov $0xfe, %al                  /* the keyboard controller's reset line */
    out %al, $0x64
    jmp sleep

power_off:
    mov $PM_CONTROL, %dx
    mov $SOFT_OFF, %ax
    out %ax, %dx
    jmp sleep

tick:
    push %eax
    incl ticks
    mov $0x20, %al
    out %al, $0x20
    pop %eax
    iret

/* word: the first letter behind the last "guest." in the command line, whose address is in the boot information (%ebx). */
read_words:
    testl $4, (%ebx)
    jz 2f
    mov 16(%ebx), %esi
1:  mov (%esi), %al
    test %al, %al
    jz 2f
    inc %esi
    cmpl $0x73657567, -1(%esi)      /* "gues" */
    jne 1b
    cmpw $0x2e74, 3(%esi)           /* "t." */
    jne 1b
    mov 5(%esi), %al
    mov %al, word
    jmp 1b
2:  ret

    .balign 8
gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt
idt:                                /* the timer's place is where the firmware left it: 8 */
    .skip 64
    .word 0, 8, 0x8e00, LOAD >> 16  /* the low half of its address is filled in at the beginning */
idt_pointer:
    .word . - idt - 1
    .long idt
ticks:
    .long 0
word:
    .byte 0
    .balign 16
    .skip 1024
stack:
