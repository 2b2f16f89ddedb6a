// Copies from and to the program's memory, by the unprivileged loads and stores: they see what EL0 may see and nothing
// else, whatever PAN says. Each routine names itself in the section of fixups (user.rs): where one of its accesses to the program's memory
// faults for good, it goes on at its fixup, which returns how far it had come.

    // What lies between \start and here goes on here.
    .macro user_fixup start
99:
    .pushsection .user_fixups, "a"
    .quad   \start, 99b, 99b
    .popsection
    .endm

    .section .text.user, "ax"

// fn user_copy_in(to: *mut u8, from: u64, len: usize) -> usize     the number of bytes that were not copied
    .global user_copy_in
user_copy_in:
    add     x7, x1, x2
    subs    x2, x2, #32
    b.lo    2f
1:  ldtr    x3, [x1]
    ldtr    x4, [x1, #8]
    ldtr    x5, [x1, #16]
    ldtr    x6, [x1, #24]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    add     x1, x1, #32
    add     x0, x0, #32
    subs    x2, x2, #32
    b.hs    1b
2:  tbz     x2, #4, 3f
    ldtr    x3, [x1]
    ldtr    x4, [x1, #8]
    add     x1, x1, #16
    stp     x3, x4, [x0], #16
3:  tbz     x2, #3, 4f
    ldtr    x3, [x1]
    add     x1, x1, #8
    str     x3, [x0], #8
4:  tbz     x2, #2, 5f
    ldtr    w3, [x1]
    add     x1, x1, #4
    str     w3, [x0], #4
5:  tbz     x2, #1, 6f
    ldtrh   w3, [x1]
    add     x1, x1, #2
    strh    w3, [x0], #2
6:  tbz     x2, #0, 7f
    ldtrb   w3, [x1]
    strb    w3, [x0]
7:  mov     x0, xzr
    ret
    user_fixup user_copy_in
    sub     x0, x7, x1
    ret

// fn user_copy_out(to: u64, from: *const u8, len: usize) -> usize  the number of bytes that were not copied
    .global user_copy_out
user_copy_out:
    add     x7, x0, x2
    subs    x2, x2, #32
    b.lo    2f
1:  ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    sttr    x3, [x0]
    sttr    x4, [x0, #8]
    sttr    x5, [x0, #16]
    sttr    x6, [x0, #24]
    add     x1, x1, #32
    add     x0, x0, #32
    subs    x2, x2, #32
    b.hs    1b
2:  tbz     x2, #4, 3f
    ldp     x3, x4, [x1], #16
    sttr    x3, [x0]
    sttr    x4, [x0, #8]
    add     x0, x0, #16
3:  tbz     x2, #3, 4f
    ldr     x3, [x1], #8
    sttr    x3, [x0]
    add     x0, x0, #8
4:  tbz     x2, #2, 5f
    ldr     w3, [x1], #4
    sttr    w3, [x0]
    add     x0, x0, #4
5:  tbz     x2, #1, 6f
    ldrh    w3, [x1], #2
    sttrh   w3, [x0]
    add     x0, x0, #2
6:  tbz     x2, #0, 7f
    ldrb    w3, [x1]
    sttrb   w3, [x0]
7:  mov     x0, xzr
    ret
    user_fixup user_copy_out
    sub     x0, x7, x0
    ret

// fn user_clear(to: u64, len: usize) -> usize                      the number of bytes that were not cleared
    .global user_clear
user_clear:
    add     x7, x0, x1
    subs    x1, x1, #32
    b.lo    2f
1:  sttr    xzr, [x0]
    sttr    xzr, [x0, #8]
    sttr    xzr, [x0, #16]
    sttr    xzr, [x0, #24]
    add     x0, x0, #32
    subs    x1, x1, #32
    b.hs    1b
2:  cmp     x0, x7
    b.hs    3f
    sttrb   wzr, [x0]
    add     x0, x0, #1
    b       2b
3:  mov     x0, xzr
    ret
    user_fixup user_clear
    sub     x0, x7, x0
    ret

// fn user_copy_string(to: *mut u8, from: u64, room: usize) -> isize
// Copies up to and without the NUL: the length. `room` where there is no NUL in so many bytes, -1 where one can't be read.
// Eight bytes at a time once the source is aligned, which never crosses into a page that the string doesn't reach.
    .global user_copy_string
user_copy_string:
    mov     x7, x0
    add     x6, x0, x2                  // end of the room
    mov     x5, #0x0101010101010101
1:  cmp     x0, x6
    b.hs    5f
    tst     x1, #7
    b.eq    3f
2:  ldtrb   w3, [x1]
    cbz     w3, 5f
    strb    w3, [x0], #1
    add     x1, x1, #1
    b       1b
3:  sub     x4, x6, x0
    cmp     x4, #8
    b.lo    4f
    ldtr    x3, [x1]
    sub     x4, x3, x5                  // a byte of it is zero if this has its top bit and the byte hasn't
    bic     x4, x4, x3
    tst     x4, #0x8080808080808080
    b.ne    4f
    str     x3, [x0], #8
    add     x1, x1, #8
    b       3b
4:  cmp     x0, x6                      // the last eight, or the NUL is among them
    b.hs    5f
    ldtrb   w3, [x1]
    cbz     w3, 5f
    strb    w3, [x0], #1
    add     x1, x1, #1
    b       4b
5:  sub     x0, x0, x7
    ret
    user_fixup user_copy_string
    mov     x0, #-1
    ret
