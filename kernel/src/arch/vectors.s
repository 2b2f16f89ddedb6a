// The exception vectors, the entry from EL0 and EL1, and the way back.
//
// While the kernel runs, SP_EL0 is scratch: the program's is in its frame. Exceptions from EL0 find the stack pointer at the
// top of the thread's kernel stack, so they need no check; those from EL1 tell by one bit of the stack pointer whether it is
// still on its stack (boot/src/layout.rs).

    .equ USER_FRAME, 272                // arch/frame.rs
    .equ KERNEL_FRAME, 288              // the same and a frame record
    .equ STACK_BIT, 15
    .equ EC_SVC64, 0x15

    // All but x0 and x1.
    .macro save_general
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    .endm

    // The same, from the frame at \base.
    .macro restore_general base
    ldp     x2, x3, [\base, #16]
    ldp     x4, x5, [\base, #32]
    ldp     x6, x7, [\base, #48]
    ldp     x8, x9, [\base, #64]
    ldp     x10, x11, [\base, #80]
    ldp     x12, x13, [\base, #96]
    ldp     x14, x15, [\base, #112]
    ldp     x16, x17, [\base, #128]
    ldp     x18, x19, [\base, #144]
    ldp     x20, x21, [\base, #160]
    ldp     x22, x23, [\base, #176]
    ldp     x24, x25, [\base, #192]
    ldp     x26, x27, [\base, #208]
    ldp     x28, x29, [\base, #224]
    .endm

    .macro save_user
    stp     x0, x1, [sp, #-USER_FRAME]!
    save_general
    mrs     x9, sp_el0
    mrs     x10, elr_el1
    mrs     x11, spsr_el1
    stp     x30, x9, [sp, #240]
    stp     x10, x11, [sp, #256]
    mov     x29, xzr                    // the call stack begins here
    .endm

    .macro save_kernel
    add     x9, sp, #KERNEL_FRAME
    mrs     x10, elr_el1
    mrs     x11, spsr_el1
    stp     x30, x9, [sp, #240]
    stp     x10, x11, [sp, #256]
    stp     x29, x10, [sp, #272]        // the call stack goes on with the interrupted function
    add     x29, sp, #272
    mov     x0, sp
    .endm

    // One vector for an exception from EL1.
    .macro kernel_vector handler
    .balign 128
    sub     sp, sp, #KERNEL_FRAME
    msr     sp_el0, x0
    mov     x0, sp
    tbz     x0, #STACK_BIT, kernel_stack_overflow
    mrs     x0, sp_el0
    stp     x0, x1, [sp]
    save_general
    b       \handler
    .endm

    .macro user_vector handler
    .balign 128
    save_user
    mov     x0, sp
    b       \handler
    .endm

    .section .text.vectors, "ax"
    .balign 2048
    .global exception_vectors
exception_vectors:
    // From EL1 with SP_EL0, which the kernel never runs on.
    kernel_vector kernel_unexpected
    kernel_vector kernel_unexpected
    kernel_vector kernel_unexpected
    kernel_vector kernel_unexpected
    // From EL1.
    kernel_vector kernel_synchronous
    kernel_vector kernel_interrupt
    kernel_vector kernel_unexpected     // FIQ
    kernel_vector kernel_serror
    // From EL0. System calls go straight on.
    .balign 128
    save_user
    mrs     x1, esr_el1
    lsr     x2, x1, #26
    cmp     x2, #EC_SVC64
    mov     x0, sp
    b.ne    user_synchronous
    bl      arch_system_call
    b       return_quickly
    user_vector user_interrupt
    user_vector user_unexpected         // FIQ
    user_vector user_serror
    // From EL0 in AArch32, which no program can enter.
    user_vector user_unexpected
    user_vector user_unexpected
    user_vector user_unexpected
    user_vector user_unexpected
    .balign 128

user_synchronous:
    mrs     x2, far_el1
    bl      arch_user_exception
    // Falls through.

// The quick way back to EL0, from a system call or a fault that changed nothing in the frame but x0 and where the program goes on.
// What a called function preserves (AAPCS64) is still in its register, but for the frame pointer; nothing has unmasked interrupts.
return_quickly:
    ldp     x30, x9, [sp, #240]
    ldp     x10, x11, [sp, #256]
    msr     sp_el0, x9
    msr     elr_el1, x10
    msr     spsr_el1, x11
    ldp     x2, x3, [sp, #16]
    ldp     x4, x5, [sp, #32]
    ldp     x6, x7, [sp, #48]
    ldp     x8, x9, [sp, #64]
    ldp     x10, x11, [sp, #80]
    ldp     x12, x13, [sp, #96]
    ldp     x14, x15, [sp, #112]
    ldp     x16, x17, [sp, #128]
    ldr     x18, [sp, #144]
    ldr     x29, [sp, #232]
    ldp     x0, x1, [sp], #USER_FRAME
    eret

// Back to EL0 by the frame at the stack pointer, which is the top of the stack but for that frame.
    .global return_to_user
return_to_user:
    msr     daifset, #2                 // from here to ERET nothing may touch ELR and SPSR
    ldp     x30, x9, [sp, #240]
    ldp     x10, x11, [sp, #256]
    msr     sp_el0, x9
    msr     elr_el1, x10
    msr     spsr_el1, x11
    restore_general sp
    ldp     x0, x1, [sp], #USER_FRAME
    eret

user_interrupt:
    bl      arch_user_interrupt
    b       return_to_user

user_serror:
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      arch_serror
    b       return_to_user

user_unexpected:
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      arch_unexpected
    b       return_to_user

kernel_synchronous:
    save_kernel
    mrs     x1, esr_el1
    mrs     x2, far_el1
    // A push that faults leaves the stack pointer where it was: too little of the stack is left for a handler then.
    eor     x3, x0, x2
    lsr     x3, x3, #(STACK_BIT + 1)
    cbnz    x3, 1f                      // not this stack's slot
    tbz     x2, #STACK_BIT, kernel_stack_exhausted
1:  bl      arch_kernel_exception
    // Falls through.

return_to_kernel:
    msr     daifset, #2
    ldp     x10, x11, [sp, #256]
    ldr     x30, [sp, #240]
    msr     elr_el1, x10
    msr     spsr_el1, x11
    restore_general sp
    ldp     x0, x1, [sp]
    add     sp, sp, #KERNEL_FRAME
    eret

kernel_interrupt:
    save_kernel
    bl      arch_kernel_interrupt
    b       return_to_kernel

kernel_serror:
    save_kernel
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      arch_serror
    b       return_to_kernel

kernel_unexpected:
    save_kernel
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      arch_unexpected
    b       return_to_kernel

// The stack pointer has left its stack: x0 is in SP_EL0, and nothing may be pushed. A panic needs a stack; there is one for
// that. No way leads back.
kernel_stack_overflow:
    mov     x0, sp
    msr     tpidrro_el0, x0
    ldr     x0, =__emergency_stack_top
    sub     x0, x0, #KERNEL_FRAME
    mov     sp, x0
    mrs     x0, sp_el0
    stp     x0, x1, [sp]
    save_general
    save_kernel
    mrs     x9, tpidrro_el0
    add     x9, x9, #KERNEL_FRAME
    str     x9, [sp, #248]
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      arch_stack_overflow

// The same, but there was room for the frame, at x0.
kernel_stack_exhausted:
    ldr     x3, =__emergency_stack_top
    mov     sp, x3
    bl      arch_stack_overflow

// fn enter_user(frame: &UserFrame) -> !
// To EL0 by a frame that lies anywhere, leaving the kernel stack empty.
    .global arch_enter_user
arch_enter_user:
    msr     daifset, #2
    mov     x9, sp
    orr     x9, x9, #((2 << STACK_BIT) - 1)
    add     x9, x9, #1
    mov     sp, x9
    ldp     x30, x9, [x0, #240]
    ldp     x10, x11, [x0, #256]
    msr     sp_el0, x9
    msr     elr_el1, x10
    msr     spsr_el1, x11
    restore_general x0
    ldp     x0, x1, [x0]
    eret

    .ltorg
