// The arm64 Image header and the way from the firmware's jump to `kernel_main`
// (Linux, Documentation/arch/arm64/booting.rst).
//
// Until the MMU is on, every data access is to Device memory: only aligned loads and stores, no exclusives, no DC ZVA, no
// FP registers; every address is relative to the PC. Entered with
//   x0      where the device tree lies, if the loader keeps to the protocol; anything otherwise
// From then on
//   x19     that x0
//   x20     the exception level entered at, 1, 2 or 3
//   x21     physical address of the image
//   x22     physical address of the device tree, 0 if there is none
//   x23     its length in bytes
// No stack: a subroutine here is a leaf, or keeps its return address in x29.

    .section .text.boot.header, "ax"
    .global _start
_start:
    b       boot_entry
    .long   0
    .quad   0                           // text_offset
    .quad   __image_size                // to the end of the tables: all of it must be left free
    .quad   0xa                         // little endian, 4 KiB pages, anywhere in memory
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0

    .section .text.boot, "ax"
boot_entry:
    msr     daifset, #0xf
    mov     x19, x0

    // Firmware that starts every core here at once: only the first goes on.
    mrs     x0, mpidr_el1
    mov     x1, #0xffffff
    movk    x1, #0xff, lsl #32          // Aff3, Aff2, Aff1, Aff0
    tst     x0, x1
    b.ne    boot_park

    mrs     x0, currentel
    lsr     x20, x0, #2
    adrp    x21, __image_start
    bl      boot_clean_image
    bl      boot_drop_to_el1
    bl      boot_find_device_tree
    bl      boot_build_tables
    bl      boot_configure_el1
    ldr     x0, =boot_high
    b       boot_enable_mmu

boot_park:
    wfe
    b       boot_park

// A loader that comes here with its caches on, as U-Boot's `go` does, may have the image in nothing but them. They go off soon: out to
// memory with it, and fetch it again. The exception level in x20. Clobbers x0-x3.
boot_clean_image:
    cmp     x20, #2
    b.hi    1f
    b.eq    2f
    mrs     x0, sctlr_el1
    b       3f
1:  mrs     x0, sctlr_el3
    b       3f
2:  mrs     x0, sctlr_el2
3:  tbz     x0, #2, 5f                  // C
    mrs     x0, ctr_el0
    ubfx    x0, x0, #16, #4             // DminLine: log2 of the words in the smallest line
    mov     x1, #4
    lsl     x1, x1, x0
    mov     x2, x21
    adrp    x3, __image_end
4:  dc      civac, x2
    add     x2, x2, x1
    cmp     x2, x3
    b.lo    4b
    dsb     sy
    ic      iallu
    dsb     sy
    isb
5:  ret

// Where another core begins, once the kernel runs (kernel/src/board/cores.rs): at EL2 or EL1, MMU and caches off, by PSCI or from
// a table of cores that spin. It writes nothing before its MMU is on, and reads only these instructions and the tables, which
// lie in memory.
    .global boot_secondary
boot_secondary:
    msr     daifset, #0xf
    bl      boot_drop_to_el1
    bl      boot_configure_el1
    dsb     sy                          // what firmware wrote by this core past the caches is done
    isb
    ldr     x0, =boot_secondary_high
    b       boot_enable_mmu

    .ltorg
