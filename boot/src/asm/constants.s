// Register values, and the few addresses that are known without a device tree.

    // SCTLR_EL1 with the MMU off: what is reserved as one in ARMv8.0, nothing else.
    .equ SCTLR_EL1_OFF, 0x30d00800
    .equ SCTLR_EL2_OFF, 0x30c50830

    // M, C, SA, SA0, ITD, SED, EOS, I, DZE, UCT, nTWE, TSCXT, EIS, UCI, nTLSMD, LSMAOE. A program may clear lines, maintain
    // caches and read CTR_EL0, as on Linux. nTWI is off: WFI from EL0 comes to the kernel.
    .equ SCTLR_EL1_ON, 0x3454d99d

    // Normal write-back, Device-nGnRE, Normal non-cacheable, by the index of a descriptor: `boot::memory_type`.
    .equ MAIR_VALUE, 0x4404ff

    // 48 bits in both halves, 4 KiB granule, walks write-back and inner shareable, TBI0: a program's pointers carry tags.
    .equ TCR_VALUE, (16) | (1 << 8) | (1 << 10) | (3 << 12) | (16 << 16) | (1 << 24) | (1 << 26) | (3 << 28) | (2 << 30) | (1 << 37)

    // Descriptors: level 3, normal memory, inner shareable, accessed, global; never executable at EL0.
    .equ TABLE, 3
    .equ PAGE_TEXT, (1 << 54) | (1 << 10) | (3 << 8) | (2 << 6) | 3
    .equ PAGE_RODATA, (1 << 54) | (1 << 53) | (1 << 10) | (3 << 8) | (2 << 6) | 3
    .equ PAGE_DATA, (1 << 54) | (1 << 53) | (1 << 10) | (3 << 8) | 3

    .equ SPSR_EL1H, 0x3c5
    .equ SPSR_EL2H, 0x3c9

    .equ SCR_NS, 1 << 0
    .equ SCR_RES1, 3 << 4
    .equ SCR_SMD, 1 << 7
    .equ SCR_RW, 1 << 10
    .equ SCR_PAUTH, 3 << 16
    .equ SCR_FGTEN, 1 << 27
    .equ SCR_HXEN, 1 << 38

    // RW: EL1 is AArch64. HCD: HVC is undefined. APK, API: pointer authentication doesn't trap.
    .equ HCR_VALUE, (1 << 31) | (1 << 29) | (1 << 40) | (1 << 41)
    // What is reserved as one; SVE and SME trap.
    .equ CPTR_EL2_VALUE, 0x33ff

    .equ ICC_SRE_SRE, 1 << 0
    .equ ICC_SRE_DISABLE_BYPASS, 3 << 1
    .equ ICC_SRE_ENABLE, 1 << 3

    .equ FDT_MAGIC, 0xedfe0dd0          // as a little-endian word
    .equ FDT_HEADER_SIZE, 40
    .equ DEVICE_TREE_WINDOW, 0x200000

    .equ VIRT_RAM, 0x40000000
    .equ VIRT_GICD, 0x08000000
    .equ VIRT_GICC, 0x08010000
    .equ VIRT_GICR, 0x080a0000
