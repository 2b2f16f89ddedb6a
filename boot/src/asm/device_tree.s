// Where is the device tree? x0 of the entry is believed only if there is one: a Raspberry Pi's stub and QEMU's may put
// ATAGs (0x100), 0 or anything there, and reading a wrong address may fault.

    .section .text.boot, "ax"

// Sets x22 and x23. Clobbers x0-x5, x29.
boot_find_device_tree:
    mov     x29, x30
    adr     x0, boot_vectors
    msr     vbar_el1, x0
    isb
    mov     x22, x19
    bl      boot_check_device_tree
    cbnz    x23, 9f
    mov     x22, #VIRT_RAM              // QEMU leaves it there if it loads an ELF file
    cmp     x21, x22
    b.hs    1f
    mov     x0, #0xf8                   // a Raspberry Pi's armstub8 has a pointer to it there
    bl      boot_probe
    mov     x22, x0
1:  bl      boot_check_device_tree
9:  ret     x29

// Whether there is a device tree at x22: its length in x23; else 0 in both. Its first eight bytes are magic and total size, big
// endian. It must fit the window of 2 MiB. Clobbers x0-x5.
boot_check_device_tree:
    mov     x5, x30
    tst     x22, #7
    b.ne    8f
    cbz     x22, 8f
    mov     x0, x22
    bl      boot_probe
    ldr     w1, =FDT_MAGIC
    cmp     w0, w1
    b.ne    8f
    add     x0, x22, #4
    bl      boot_probe
    rev     w23, w0
    cmp     w23, #FDT_HEADER_SIZE
    b.lo    8f
    and     x0, x22, #0xfff
    add     x0, x0, x23
    cmp     x0, #DEVICE_TREE_WINDOW
    b.hi    8f
    ret     x5
8:  mov     x22, xzr
    mov     x23, xzr
    ret     x5

// The word at x0, or 0 where reading it faults. A loader need not have cleaned a device tree from its caches.
boot_probe:
    dc      civac, x0
    dsb     sy
    ldr     w0, [x0]
boot_probe_end:
    ret

// For the time before the kernel's own vectors. The only fault that is expected is that of `boot_probe`.
    .balign 2048
boot_vectors:
    .rept 4
    b       boot_park
    .balign 128
    .endr
    mrs     x0, elr_el1                 // synchronous, from EL1 with SP_EL1
    adr     x4, boot_probe
    cmp     x0, x4
    b.lo    boot_park
    adr     x4, boot_probe_end
    cmp     x0, x4
    b.hs    boot_park
    msr     elr_el1, x4
    mov     x0, xzr
    eret
    .balign 128
    .rept 11
    b       boot_park
    .balign 128
    .endr
