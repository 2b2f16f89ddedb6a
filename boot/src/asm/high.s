// What boot does in the high half, with the MMU and the caches on. Nothing here runs before that.

    .section .text.high, "ax"

// The first core: on to `kernel_main`.
boot_high:
    bl      boot_close_lower_half
    ldr     x0, =__bss_start
    ldr     x1, =__bss_end
1:  cmp     x0, x1
    b.hs    2f
    stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    b       1b

    // The BootInfo (src/info.rs), at the top of the boot stack.
2:  ldr     x0, =__boot_stack_top
    ldr     x1, =__image_size
    sub     sp, x0, #64
    stp     x21, x1, [sp]
    stp     x20, x19, [sp, #16]
    stp     x22, x23, [sp, #32]
    stp     xzr, xzr, [sp, #48]
    mov     x0, sp
    // No caller: a call stack ends here.
    mov     x29, xzr
    mov     x30, xzr
    b       kernel_main

// Another core: to sleep. It keeps no translation that could become wrong: none but this page's is used until it sleeps, and the
// kernel's tables for it never change.
boot_secondary_high:
    bl      boot_close_lower_half
    mrs     x0, mpidr_el1
    ldr     x1, =kernel_core_arrived
    str     x0, [x1]                    // bit 31 of MPIDR_EL1 is set: not zero
    dsb     ish
    sev
1:  wfi                                 // interrupts are masked: nothing gets it out of here
    b       1b

// The identity page has served: nothing is mapped in the lower half until a process is. Clobbers x0.
boot_close_lower_half:
    mrs     x0, tcr_el1
    orr     x0, x0, #(1 << 7)           // EPD0
    msr     tcr_el1, x0
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    ret

// To another kernel, for good: at the physical address in x0, with that of its device tree in x1. As firmware would: MMU and caches off,
// interrupts masked, the device tree in x0 and nothing in x1 to x3; but at EL1.
    .global boot_leave
boot_leave:
    msr     daifset, #0xf
    mov     x4, x0
    mov     x0, x1

    // The lower half is what it was when the MMU went on: the page that turns it off, at its own address.
    mrs     x5, ttbr1_el1
    and     x5, x5, #0xfffffffff000     // the first table of those that boot has made
    add     x6, x5, #(7 * 4096)
    msr     ttbr0_el1, x6
    mrs     x6, tcr_el1
    bic     x6, x6, #(1 << 7)           // EPD0
    msr     tcr_el1, x6
    isb
    tlbi    vmalle1
    dsb     nsh
    isb

    ldr     x6, =boot_disable_mmu
    ldr     x7, =__boot_tables_start
    sub     x6, x6, x7
    add     x6, x6, x5
    ldr     x2, =SCTLR_EL1_OFF
    br      x6

    .ltorg
