// The first tables, and the MMU.
//
//   0       TTBR1: the kernel's half                 5  level 2: the device-tree window
//   1       level 1: the image's 512 GiB             6  level 3: the same, 2 MiB
//   2       level 2: the image                       7  TTBR0: the identity page
//   3, 4    level 3: the image, 4 MiB                8, 9, 10  levels 1 to 3: the same

    .section .text.boot, "ax"

// Clobbers x0-x9, x29.
boot_build_tables:
    mov     x29, x30
    adrp    x9, __boot_tables_start
    // The loader cleaned only the image's file to memory. Here may still be lines of what lay here before, that would
    // be written over the tables, or be found instead of them: out with those, before and after.
    bl      boot_invalidate_tables
    adrp    x0, __boot_tables_start
    adrp    x1, __boot_tables_end
1:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    1b

    add     x0, x9, #(1 * 4096)
    add     x0, x0, #TABLE
    str     x0, [x9, #(256 * 8)]
    add     x8, x9, #(1 * 4096)
    add     x0, x9, #(2 * 4096)
    add     x0, x0, #TABLE
    str     x0, [x8, #(0 * 8)]
    add     x0, x9, #(5 * 4096)
    add     x0, x0, #TABLE
    str     x0, [x8, #(1 * 8)]
    add     x8, x9, #(2 * 4096)
    add     x0, x9, #(3 * 4096)
    add     x0, x0, #TABLE
    str     x0, [x8]
    add     x0, x0, #4096
    str     x0, [x8, #8]

    add     x8, x9, #(3 * 4096)
    adrp    x0, __image_start
    adrp    x1, __rodata_start
    ldr     x2, =PAGE_TEXT
    bl      boot_map_image
    adrp    x1, __data_start
    ldr     x2, =PAGE_RODATA
    bl      boot_map_image
    adrp    x1, __boot_stack_guard
    ldr     x2, =PAGE_DATA
    bl      boot_map_image
    adrp    x0, __boot_stack_bottom
    adrp    x1, __boot_tables_end
    bl      boot_map_image
    adrp    x0, __emergency_stack_bottom
    adrp    x1, __emergency_stack_top
    bl      boot_map_image

    cbz     x22, 3f
    add     x8, x9, #(5 * 4096)
    add     x0, x9, #(6 * 4096)
    add     x1, x0, #TABLE
    str     x1, [x8]
    and     x1, x22, #~0xfff
    add     x3, x22, x23                // one past the last byte
    ldr     x2, =PAGE_RODATA
2:  orr     x4, x1, x2
    str     x4, [x0], #8
    add     x1, x1, #4096
    cmp     x1, x3
    b.lo    2b

    // The page that turns the MMU on, at its own address.
3:  adrp    x4, boot_enable_mmu
    add     x8, x9, #(7 * 4096)
    mov     x5, #39
4:  lsr     x0, x4, x5
    and     x0, x0, #511
    add     x1, x8, #4096
    orr     x2, x1, #TABLE
    str     x2, [x8, x0, lsl #3]
    mov     x8, x1
    sub     x5, x5, #9
    cmp     x5, #12
    b.ne    4b
    ubfx    x0, x4, #12, #9
    ldr     x2, =PAGE_TEXT
    orr     x2, x2, x4
    str     x2, [x8, x0, lsl #3]

    bl      boot_invalidate_tables
    ret     x29

// Maps the pages from x0 to x1 of the image with the attributes in x2, by the leaf tables at x8. Leaves x0 at x1.
boot_map_image:
    cmp     x0, x1
    b.hs    2f
    sub     x3, x0, x21
    lsr     x3, x3, #12
1:  orr     x4, x0, x2
    str     x4, [x8, x3, lsl #3]
    add     x3, x3, #1
    add     x0, x0, #4096
    cmp     x0, x1
    b.lo    1b
2:  ret

// Drops the tables from every cache, by address, down to memory. Clobbers x0-x3.
boot_invalidate_tables:
    mrs     x0, ctr_el0
    ubfx    x0, x0, #16, #4             // DminLine: log2 of the words in the smallest line
    mov     x1, #4
    lsl     x1, x1, x0
    adrp    x2, __boot_tables_start
    adrp    x3, __boot_tables_end
    dsb     sy
1:  dc      ivac, x2
    add     x2, x2, x1
    cmp     x2, x3
    b.lo    1b
    dsb     sy
    ret

// Every register of EL1 that matters before or at the moment the MMU goes on, whole. Leaves the value for SCTLR_EL1 in x2.
// Clobbers x0-x4.
boot_configure_el1:
    ldr     x0, =MAIR_VALUE
    msr     mair_el1, x0

    ldr     x0, =TCR_VALUE
    mrs     x1, id_aa64mmfr0_el1
    and     x3, x1, #0xf                // PARange, 48 bits at most: more needs another descriptor format
    cmp     x3, #5
    mov     x4, #5
    csel    x3, x3, x4, lo
    bfi     x0, x3, #32, #3             // IPS
    ubfx    x3, x1, #4, #4              // ASIDBits
    cmp     x3, #2
    b.ne    1f
    orr     x0, x0, #(1 << 36)          // AS: 16 bits
1:  mrs     x1, S3_0_C0_C7_2            // ID_AA64MMFR2_EL1
    ubfx    x3, x1, #60, #4             // E0PD
    cbz     x3, 2f
    orr     x0, x0, #(1 << 56)          // E0PD1: a program learns nothing of the kernel's half by timing
2:  msr     tcr_el1, x0

    ldr     x2, =SCTLR_EL1_ON
    ubfx    x3, x1, #32, #4             // AT (FEAT_LSE2)
    cbz     x3, 3f
    orr     x2, x2, #(1 << 6)           // nAA
3:  mrs     x1, id_aa64mmfr1_el1
    ubfx    x3, x1, #20, #4             // PAN
    cbnz    x3, 4f
    orr     x2, x2, #(1 << 23)          // SPAN, reserved as one where there is no PAN
4:  cmp     x3, #3
    b.lo    5f
    orr     x2, x2, #(1 << 57)          // EPAN
5:
    adrp    x0, __boot_tables_start
    msr     ttbr1_el1, x0
    add     x0, x0, #(7 * 4096)
    msr     ttbr0_el1, x0

    mov     x0, #(3 << 20)              // FPEN: FP and SIMD for EL0 and EL1; SVE and SME trap
    msr     cpacr_el1, x0
    mov     x0, #2                      // EL0VCTEN: a program reads the virtual counter
    msr     cntkctl_el1, x0
    msr     mdscr_el1, xzr
    msr     contextidr_el1, xzr
    msr     tpidr_el0, xzr
    msr     tpidrro_el0, xzr
    msr     tpidr_el1, xzr
    mrs     x0, id_aa64dfr0_el1
    ubfx    x0, x0, #8, #4              // PMUVer
    cbz     x0, 6f
    cmp     x0, #15
    b.eq    6f
    msr     pmuserenr_el0, xzr
6:  isb
    ret

// Turns the MMU and the caches on and goes on at x0, a virtual address. SCTLR_EL1 in x2. This and the next lie in one page, the only
// one that is mapped at its own address.
    .balign 128
boot_enable_mmu:
    ic      iallu
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     sctlr_el1, x2
    isb
    br      x0

// Turns the MMU and the caches off and goes on at x4, a physical address, with x0 as it is: the way out that `boot_leave` takes.
// SCTLR_EL1 in x2. The instructions at x4 lie in memory; what the caches of instructions hold of it is older.
boot_disable_mmu:
    msr     sctlr_el1, x2
    isb
    ic      iallu
    tlbi    vmalle1
    dsb     nsh
    isb
    mov     x1, xzr
    mov     x2, xzr
    mov     x3, xzr
    br      x4
    .org    boot_enable_mmu + 128       // an error if they were longer

    .ltorg
