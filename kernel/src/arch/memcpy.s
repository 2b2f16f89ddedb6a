// fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8
//
// What the compiler calls to copy a value. Values of the kernel are mostly of 64 to 200 bytes, for which the generic routine
// of the compiler's library takes four instructions a word. No FP registers, which are the program's; no FEAT_MOPS, which
// would count as one instruction whatever it does. Unaligned accesses are fine: the kernel's memory is Normal.

    .section .text.memcpy, "ax"
    .global memcpy
memcpy:
    mov     x3, x0
    cmp     x2, #16
    add     x4, x1, x2
    add     x5, x0, x2
    b.lo    4f
    subs    x2, x2, #64
    b.ls    2f
1:  ldp     x6, x7, [x1]
    ldp     x8, x9, [x1, #16]
    ldp     x10, x11, [x1, #32]
    ldp     x12, x13, [x1, #48]
    add     x1, x1, #64
    stp     x6, x7, [x3]
    stp     x8, x9, [x3, #16]
    stp     x10, x11, [x3, #32]
    stp     x12, x13, [x3, #48]
    add     x3, x3, #64
    subs    x2, x2, #64
    b.hi    1b
// 1 to 64 bytes are left, and the last 16 of all are copied whole, over some that were copied before.
2:  adds    x2, x2, #48
    b.le    3f
    ldp     x6, x7, [x1]
    stp     x6, x7, [x3]
    subs    x2, x2, #16
    b.le    3f
    ldp     x6, x7, [x1, #16]
    stp     x6, x7, [x3, #16]
    subs    x2, x2, #16
    b.le    3f
    ldp     x6, x7, [x1, #32]
    stp     x6, x7, [x3, #32]
3:  ldp     x6, x7, [x4, #-16]
    stp     x6, x7, [x5, #-16]
    ret
// Less than 16 bytes: two pieces that may overlap, or none.
4:  tbz     x2, #3, 5f
    ldr     x6, [x1]
    ldr     x7, [x4, #-8]
    str     x6, [x0]
    str     x7, [x5, #-8]
    ret
5:  tbz     x2, #2, 6f
    ldr     w6, [x1]
    ldr     w7, [x4, #-4]
    str     w6, [x0]
    str     w7, [x5, #-4]
    ret
6:  cbz     x2, 7f
    ldrb    w6, [x1]
    ldrb    w7, [x4, #-1]
    lsr     x8, x2, #1
    ldrb    w9, [x1, x8]
    strb    w6, [x0]
    strb    w9, [x0, x8]
    strb    w7, [x5, #-1]
7:  ret
