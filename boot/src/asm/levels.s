// From whatever exception level the firmware left us at down to EL1. Each register is written whole: what firmware left
// in it, or what it is after reset, is unknown (Arm ARM, D1 and the register descriptions).

    .section .text.boot, "ax"

// Returns at EL1h with interrupts masked and the MMU off. Clobbers x0-x7.
boot_drop_to_el1:
    mrs     x0, currentel
    cmp     x0, #(3 << 2)
    b.eq    boot_from_el3
    cmp     x0, #(2 << 2)
    b.eq    boot_from_el2
    msr     spsel, #1
    ldr     x0, =SCTLR_EL1_OFF
    msr     sctlr_el1, x0
    isb
    ret

// No firmware above us stays behind: SMC and HVC are undefined from now on.
boot_from_el3:
    mov     x0, #(SCR_NS | SCR_RES1 | SCR_SMD | SCR_RW)
    orr     x0, x0, #SCR_PAUTH
    mrs     x1, id_aa64mmfr0_el1
    ubfx    x1, x1, #56, #4             // FGT
    cbz     x1, 1f
    orr     x0, x0, #SCR_FGTEN
1:  mrs     x1, id_aa64mmfr1_el1
    ubfx    x1, x1, #40, #4             // HCX
    cbz     x1, 2f
    orr     x0, x0, #SCR_HXEN
2:  msr     scr_el3, x0
    msr     cptr_el3, xzr
    msr     mdcr_el3, xzr
    isb

    mrs     x1, id_aa64pfr0_el1
    ubfx    x2, x1, #24, #4             // GIC
    cbz     x2, 3f
    mov     x0, #(ICC_SRE_SRE | ICC_SRE_DISABLE_BYPASS | ICC_SRE_ENABLE)
    msr     S3_6_C12_C12_5, x0          // ICC_SRE_EL3
    isb
    mov     x0, #0xff
    msr     S3_0_C4_C6_0, x0            // ICC_PMR_EL1: below 0x80 a non-secure write to it is ignored
    mov     x0, #3
    msr     S3_6_C12_C12_7, x0          // ICC_IGRPEN1_EL3
    isb
3:  mov     x6, x30
    bl      boot_release_interrupts
    mov     x30, x6

    ldr     x0, =SCTLR_EL1_OFF
    msr     sctlr_el1, x0
    mrs     x1, id_aa64pfr0_el1
    tst     x1, #(0xf << 8)             // EL2
    mov     x2, #SPSR_EL2H
    b.ne    4f
    mov     x2, #SPSR_EL1H
    msr     spsr_el3, x2
    msr     elr_el3, x30
    isb
    eret
4:  ldr     x0, =SCTLR_EL2_OFF
    msr     sctlr_el2, x0
    msr     spsr_el3, x2
    adr     x0, boot_from_el2
    msr     elr_el3, x0
    isb
    eret

// Hands every interrupt to the non-secure side, which is all there is. What enters at EL3 is the ELF file on QEMU's
// `virt,secure=on`: that machine is known by its device tree at the start of its memory, and has its interrupt
// controllers where it always had them. In x1: ID_AA64PFR0_EL1. Clobbers x0-x5.
boot_release_interrupts:
    mov     x0, #VIRT_RAM
    cmp     x21, x0
    b.lo    9f
    ldr     w2, [x0]
    ldr     w3, =FDT_MAGIC
    cmp     w2, w3
    b.ne    9f
    mov     x0, #VIRT_GICD
    mov     w4, #-1
    mov     x2, #(0x80 / 4)             // GICD_IGROUPR<0..31>: non-secure group 1; those not implemented ignore it
1:  str     w4, [x0, x2, lsl #2]
    add     x2, x2, #1
    cmp     x2, #(0x100 / 4)
    b.lo    1b
    ubfx    x3, x1, #24, #4             // GIC
    cbnz    x3, 2f
    ldr     x0, =VIRT_GICC
    mov     w4, #0xff
    str     w4, [x0, #4]                // GICC_PMR
    dsb     sy
    ret
2:  mov     w2, #0x37                   // GICD_CTLR: ARE_NS, ARE_S, groups 1S, 1NS and 0
    str     w2, [x0]
    ldr     x0, =VIRT_GICR
    ldr     w2, [x0, #0x14]             // GICR_WAKER: only the secure side can write it
    bic     w2, w2, #2                  // ProcessorSleep
    str     w2, [x0, #0x14]
3:  ldr     w2, [x0, #0x14]
    tbnz    w2, #2, 3b                  // ChildrenAsleep
    add     x0, x0, #0x10, lsl #12      // SGI_base
    str     w4, [x0, #0x80]             // GICR_IGROUPR0
    dsb     sy
9:  ret

boot_from_el2:
    ldr     x0, =SCTLR_EL2_OFF
    msr     sctlr_el2, x0
    ldr     x0, =HCR_VALUE
    msr     hcr_el2, x0
    isb
    mov     x0, #3                      // EL1PCTEN, EL1PCEN: the physical counter and timer are EL1's
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    msr     vttbr_el2, xzr
    msr     hstr_el2, xzr
    ldr     x0, =CPTR_EL2_VALUE
    msr     cptr_el2, x0
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0

    mrs     x0, id_aa64dfr0_el1
    ubfx    x0, x0, #8, #4              // PMUVer: 0 none, 15 something else
    mov     x1, xzr
    cbz     x0, 1f
    cmp     x0, #15
    b.eq    1f
    mrs     x1, pmcr_el0
    ubfx    x1, x1, #11, #5             // N, into MDCR_EL2.HPMN: every counter is EL1's
1:  msr     mdcr_el2, x1

    mrs     x0, id_aa64mmfr0_el1
    ubfx    x0, x0, #56, #4             // FGT
    cbz     x0, 2f
    msr     S3_4_C1_C1_4, xzr           // HFGRTR_EL2
    msr     S3_4_C1_C1_5, xzr           // HFGWTR_EL2
    msr     S3_4_C1_C1_6, xzr           // HFGITR_EL2
    msr     S3_4_C3_C1_4, xzr           // HDFGRTR_EL2
    msr     S3_4_C3_C1_5, xzr           // HDFGWTR_EL2
2:  mrs     x0, id_aa64mmfr1_el1
    ubfx    x0, x0, #40, #4             // HCX
    cbz     x0, 3f
    msr     S3_4_C1_C2_2, xzr           // HCRX_EL2

3:  mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #24, #4             // GIC
    cbz     x0, 4f
    mov     x0, #(ICC_SRE_SRE | ICC_SRE_ENABLE)
    msr     S3_4_C12_C9_5, x0           // ICC_SRE_EL2
    isb
    mrs     x0, S3_4_C12_C9_5
    tbz     x0, #0, 4f                  // what lies above us doesn't give it away
    msr     S3_4_C12_C11_0, xzr         // ICH_HCR_EL2

4:  ldr     x0, =SCTLR_EL1_OFF
    msr     sctlr_el1, x0
    mov     x0, #SPSR_EL1H
    msr     spsr_el2, x0
    msr     elr_el2, x30
    isb
    eret

    .ltorg
