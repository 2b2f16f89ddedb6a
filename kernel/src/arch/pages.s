// Work on whole pages and on bytes of them. No FP registers, which are the program's; no FEAT_MOPS, which would count as one
// instruction whatever it does.

    .section .text.pages, "ax"

// fn page_clear_zva(start: *mut u8, end: *mut u8, line: usize)
// `line` is what one DC ZVA clears, a power of two up to 256 bytes; the length is a multiple of 4096.
    .global page_clear_zva
page_clear_zva:
    .rept   16
    dc      zva, x0
    add     x0, x0, x2
    .endr
    cmp     x0, x1
    b.lo    page_clear_zva
    ret

// fn page_clear_plain(start: *mut u8, end: *mut u8)
    .global page_clear_plain
page_clear_plain:
    stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    stp     xzr, xzr, [x0, #64]
    stp     xzr, xzr, [x0, #80]
    stp     xzr, xzr, [x0, #96]
    stp     xzr, xzr, [x0, #112]
    add     x0, x0, #128
    cmp     x0, x1
    b.lo    page_clear_plain
    ret

// fn page_copy(to: *mut u8, from: *const u8)
    .global page_copy
page_copy:
    add     x2, x0, #4096
1:  ldp     x3, x4, [x1]
    ldp     x5, x6, [x1, #16]
    ldp     x7, x8, [x1, #32]
    ldp     x9, x10, [x1, #48]
    ldp     x11, x12, [x1, #64]
    ldp     x13, x14, [x1, #80]
    ldp     x15, x16, [x1, #96]
    stp     x3, x4, [x0]
    stp     x5, x6, [x0, #16]
    ldp     x3, x4, [x1, #112]
    stp     x7, x8, [x0, #32]
    stp     x9, x10, [x0, #48]
    stp     x11, x12, [x0, #64]
    stp     x13, x14, [x0, #80]
    stp     x15, x16, [x0, #96]
    stp     x3, x4, [x0, #112]
    add     x1, x1, #128
    add     x0, x0, #128
    cmp     x0, x2
    b.lo    1b
    ret

// fn page_copy_bytes(to: *mut u8, from: *const u8, len: usize)
// Runs that do not overlap.
    .global page_copy_bytes
page_copy_bytes:
    subs    x2, x2, #32
    b.lo    2f
1:  ldp     x3, x4, [x1], #16
    ldp     x5, x6, [x1], #16
    stp     x3, x4, [x0], #16
    stp     x5, x6, [x0], #16
    subs    x2, x2, #32
    b.hs    1b
2:  tbz     x2, #4, 3f
    ldp     x3, x4, [x1], #16
    stp     x3, x4, [x0], #16
3:  tbz     x2, #3, 4f
    ldr     x3, [x1], #8
    str     x3, [x0], #8
4:  tbz     x2, #2, 5f
    ldr     w3, [x1], #4
    str     w3, [x0], #4
5:  tbz     x2, #1, 6f
    ldrh    w3, [x1], #2
    strh    w3, [x0], #2
6:  tbz     x2, #0, 7f
    ldrb    w3, [x1]
    strb    w3, [x0]
7:  ret

// fn page_move_descriptors(from: *const u64, to: *mut u64, count: usize)
// From the last to the first, so that `to` may lie above `from` within the same run: a pair is loaded before anything is stored
// to where it was. Sixteen pairs a round; the first round is entered in its middle, by as much as it is shorter.
    .global page_move_descriptors
page_move_descriptors:
    add     x0, x0, x2, lsl #3
    add     x1, x1, x2, lsl #3
    tbz     x2, #0, 1f
    ldr     x3, [x0, #-8]!
    str     x3, [x1, #-8]!
1:  lsr     x2, x2, #1
    ands    x3, x2, #15
    b.eq    3f
    sub     x2, x2, x3
    mov     x4, #16
    sub     x4, x4, x3
    add     x0, x0, x4, lsl #4
    add     x1, x1, x4, lsl #4
    adr     x5, 2f
    add     x5, x5, x4, lsl #3
    br      x5
2:
    .irp    offset, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240
    ldp     x3, x4, [x0, #-\offset]
    stp     x3, x4, [x1, #-\offset]
    .endr
    ldp     x3, x4, [x0, #-256]!
    stp     x3, x4, [x1, #-256]!
3:  subs    x2, x2, #16
    b.hs    2b
    ret

// fn page_clear_descriptors(start: *mut u64, count: usize)
// Sixteen pairs a round; the first round is entered in its middle, as above.
    .global page_clear_descriptors
page_clear_descriptors:
    tbz     x1, #0, 1f
    str     xzr, [x0], #8
1:  lsr     x1, x1, #1
    ands    x2, x1, #15
    b.eq    3f
    sub     x1, x1, x2
    mov     x3, #16
    sub     x3, x3, x2
    sub     x0, x0, x3, lsl #4
    adr     x4, 2f
    add     x4, x4, x3, lsl #2
    br      x4
2:
    .irp    offset, 0, 16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240
    stp     xzr, xzr, [x0, #\offset]
    .endr
    add     x0, x0, #256
3:  subs    x1, x1, #16
    b.hs    2b
    ret

// fn page_share_descriptors(from: *mut u64, to: *mut u64, count: usize, how: *const Sharing) -> *mut u64
// Four a round, as long as there are four. Frames that are neighbours have neighbouring words, which are read and written in pairs.
// Answers where in `from` it stopped.
    .global page_share_descriptors
page_share_descriptors:
    ldp     x4, x5, [x3]            // words, first
    ldp     x6, x7, [x3, #16]       // limit, look
    ldp     x8, x9, [x3, #32]       // expected, changes
    mov     x3, #1
    movk    x3, #1, lsl #32         // a pair of words for one reference each
1:  subs    x2, x2, #4
    b.lo    4f
    ldp     x10, x11, [x0]
    ldp     x12, x13, [x0, #16]
    eor     x14, x10, x8
    eor     x15, x11, x8
    eor     x16, x12, x8
    eor     x17, x13, x8
    orr     x14, x14, x15
    orr     x16, x16, x17
    orr     x14, x14, x16
    tst     x14, x7
    b.ne    4f
    sub     x14, x11, x10
    sub     x15, x12, x11
    sub     x16, x13, x12
    cmp     x14, #1, lsl #12
    ccmp    x15, x14, #0, eq
    ccmp    x16, x14, #0, eq
    b.ne    2f
    ubfx    x14, x10, #12, #36
    sub     x14, x14, x5
    cmp     x14, x6
    b.hs    4f
    add     x14, x4, x14, lsl #2
    ldp     x15, x16, [x14]
    cmp     x15, x3
    ccmp    x16, x3, #0, eq
    b.ne    4f
    lsl     x15, x3, #1
    stp     x15, x15, [x14]
    eor     x10, x10, x9
    eor     x11, x11, x9
    eor     x12, x12, x9
    eor     x13, x13, x9
    stp     x10, x11, [x0], #16
    stp     x12, x13, [x0], #16
    stp     x10, x11, [x1], #16
    stp     x12, x13, [x1], #16
    b       1b
2:  .irp    entry, x10, x11, x12, x13
    ubfx    x14, \entry, #12, #36
    sub     x14, x14, x5
    cmp     x14, x6
    b.hs    4f
    ldr     w15, [x4, x14, lsl #2]
    cmp     w15, #1
    b.ne    4f
    mov     w15, #2
    str     w15, [x4, x14, lsl #2]
    eor     \entry, \entry, x9
    str     \entry, [x0], #8
    str     \entry, [x1], #8
    .endr
    b       1b
4:  ret
