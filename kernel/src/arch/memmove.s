// fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8
//
// What the compiler calls to shift the entries of an array, such as those of a node of the tree of mappings. Each round loads
// all that it stores, so a copy may overlap its source as long as it runs away from it: forwards to a lower address, backwards
// to a higher one.

    .section .text.memmove, "ax"
    .global memmove
memmove:
    sub     x4, x0, x1
    cmp     x4, x2
    b.lo    5f
// Forwards: the target lies lower, or behind the source.
    mov     x3, x0
    subs    x2, x2, #32
    b.lo    2f
1:  ldp     x6, x7, [x1], #16
    ldp     x8, x9, [x1], #16
    stp     x6, x7, [x3], #16
    stp     x8, x9, [x3], #16
    subs    x2, x2, #32
    b.hs    1b
2:  adds    x2, x2, #24
    b.mi    4f
3:  ldr     x6, [x1], #8
    str     x6, [x3], #8
    subs    x2, x2, #8
    b.pl    3b
4:  adds    x2, x2, #8
    b.eq    9f
    ldrb    w6, [x1], #1
    strb    w6, [x3], #1
    sub     x2, x2, #9
    b       4b
// Backwards: the target begins within the source.
5:  add     x4, x1, x2
    add     x5, x0, x2
    subs    x2, x2, #32
    b.lo    7f
6:  ldp     x6, x7, [x4, #-16]
    ldp     x8, x9, [x4, #-32]!
    stp     x6, x7, [x5, #-16]
    stp     x8, x9, [x5, #-32]!
    subs    x2, x2, #32
    b.hs    6b
7:  adds    x2, x2, #24
    b.mi    8f
10: ldr     x6, [x4, #-8]!
    str     x6, [x5, #-8]!
    subs    x2, x2, #8
    b.pl    10b
8:  adds    x2, x2, #8
    b.eq    9f
    ldrb    w6, [x4, #-1]!
    strb    w6, [x5, #-1]!
    sub     x2, x2, #9
    b       8b
9:  ret
