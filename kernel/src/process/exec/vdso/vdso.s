// The vdso: a shared library of one page that the kernel maps into every program, so that reading a clock needs no system call.
//
// It is a whole ELF file, written out here: file header, program headers, the dynamic section and what that names, and the
// code. Everything is relative to `vdso_start`, so the kernel copies nothing and relocates nothing. Names and version are those
// that glibc and musl look for on arm64 (vdso(7)). The page below it, [vvar], holds the words of `Clock` (clock.rs).

    .section .rodata.vdso, "a"
    .balign 4096
    .global vdso_start
    .global vdso_end
vdso_start:
// ELF64 file header (gABI chapter 4).
    .byte   0x7f, 'E', 'L', 'F', 2, 1, 1, 0
    .quad   0
    .hword  3                               // ET_DYN
    .hword  183                             // EM_AARCH64
    .word   1                               // EV_CURRENT
    .quad   0                               // no entry point
    .quad   vdso_segments - vdso_start
    .quad   0                               // no section headers
    .word   0
    .hword  64, 56, 2, 0, 0, 0              // sizes: header, program header; 2 of them; no sections

// Program headers: all of the page, read and execute; the dynamic section.
vdso_segments:
    .word   1, 5                            // PT_LOAD, R+X
    .quad   0, 0, 0
    .quad   vdso_end - vdso_start, vdso_end - vdso_start, 4096
    .word   2, 4                            // PT_DYNAMIC, R
    .quad   vdso_dynamic - vdso_start, vdso_dynamic - vdso_start, vdso_dynamic - vdso_start
    .quad   vdso_dynamic_end - vdso_dynamic, vdso_dynamic_end - vdso_dynamic, 8

vdso_dynamic:
    .quad   14, vdso_name - vdso_strings    // DT_SONAME
    .quad   4, vdso_hash - vdso_start       // DT_HASH
    .quad   5, vdso_strings - vdso_start    // DT_STRTAB
    .quad   6, vdso_symbols - vdso_start    // DT_SYMTAB
    .quad   10, vdso_strings_end - vdso_strings
    .quad   11, 24                          // DT_SYMENT
    .quad   0x6ffffff0, vdso_versym - vdso_start
    .quad   0x6ffffffc, vdso_verdef - vdso_start
    .quad   0x6ffffffd, 2                   // DT_VERDEFNUM
    .quad   0, 0
vdso_dynamic_end:

// The symbols: undefined, the version's own, then the functions. All are in the one bucket of the hash table, so that no hash
// value needs to be known here.
    .macro function name, start, end
    .word   \name - vdso_strings
    .byte   0x12, 0                         // STB_GLOBAL, STT_FUNC; STV_DEFAULT
    .hword  1                               // any section: it is defined
    .quad   \start - vdso_start, \end - \start
    .endm
vdso_symbols:
    .quad   0, 0, 0
    function name_clock_gettime, clock_gettime, clock_gettime_end
    function name_gettimeofday, gettimeofday, gettimeofday_end
    function name_clock_getres, clock_getres, clock_getres_end
    function name_rt_sigreturn, rt_sigreturn, rt_sigreturn_end

vdso_hash:
    .word   1, 5                            // buckets, symbols
    .word   1                               // the bucket starts at symbol 1
    .word   0, 2, 3, 4, 0                   // and goes on through all of them

vdso_versym:
    .hword  0, 2, 2, 2, 2
    .balign 8

// Version definitions: the library itself, then LINUX_2.6.39 (Elf64_Verdef with one Elf64_Verdaux each; the third number is the
// version's name in the ABI's hash function).
vdso_verdef:
    .hword  1, 1, 1, 1                      // VER_DEF_CURRENT, VER_FLG_BASE, index 1, one name
    .word   0x0deebfa1, 20, 28
    .word   vdso_name - vdso_strings, 0
    .hword  1, 0, 2, 1
    .word   0x075fcb89, 20, 0
    .word   name_version - vdso_strings, 0

vdso_strings:
    .byte   0
vdso_name:
    .asciz  "linux-vdso.so.1"
name_version:
    .asciz  "LINUX_2.6.39"
name_clock_gettime:
    .asciz  "__kernel_clock_gettime"
name_gettimeofday:
    .asciz  "__kernel_gettimeofday"
name_clock_getres:
    .asciz  "__kernel_clock_getres"
name_rt_sigreturn:
    .asciz  "__kernel_rt_sigreturn"
vdso_strings_end:
    .balign 16

    .set    NR_CLOCK_GETTIME, 113
    .set    NR_CLOCK_GETRES, 114
    .set    NR_RT_SIGRETURN, 139
    // Clocks by their number's bit: REALTIME, REALTIME_COARSE and TAI follow the wall; MONOTONIC, MONOTONIC_RAW, MONOTONIC_COARSE
    // and BOOTTIME count from power-on.
    .set    WALL, 1 << 0 | 1 << 5 | 1 << 11
    .set    SINCE_BOOT, 1 << 1 | 1 << 4 | 1 << 6 | 1 << 7

// Nanoseconds since power-on in x12 and the wall clock's distance in x14. Clobbers x11, x13, x15.
    .macro  read_clock
    adr     x11, vdso_start
    sub     x11, x11, #4096                 // [vvar]: multiplier, distance to the wall clock
    ldp     x13, x14, [x11]
    isb                                     // the counter is not read ahead of what comes before (Arm ARM D12.2)
    mrs     x12, cntvct_el0
    mul     x15, x12, x13
    umulh   x12, x12, x13
    extr    x12, x12, x15, #32
    .endm

// int clock_gettime(clockid_t w0, struct timespec *x1)
clock_gettime:
    cmp     w0, #11
    b.hi    1f
    mov     w9, #1
    lsl     w9, w9, w0
    mov     w10, #(WALL | SINCE_BOOT)
    tst     w9, w10
    b.eq    1f
    read_clock
    mov     w10, #WALL
    tst     w9, w10
    csel    x14, x14, xzr, ne
    add     x12, x12, x14
    mov     x13, #0xca00                    // 1,000,000,000
    movk    x13, #0x3b9a, lsl #16
    udiv    x14, x12, x13
    msub    x15, x14, x13, x12
    stp     x14, x15, [x1]
    mov     w0, #0
    ret
1:  mov     x8, #NR_CLOCK_GETTIME
    svc     #0
    ret
clock_gettime_end:

// int gettimeofday(struct timeval *x0, struct timezone *x1): either may be null
gettimeofday:
    cbz     x0, 1f
    read_clock
    add     x12, x12, x14
    mov     x13, #1000
    udiv    x12, x12, x13                   // microseconds
    mov     x13, #0x4240                    // 1,000,000
    movk    x13, #0xf, lsl #16
    udiv    x14, x12, x13
    msub    x15, x14, x13, x12
    stp     x14, x15, [x0]
1:  cbz     x1, 2f
    str     xzr, [x1]                       // no time zone, no daylight saving
2:  mov     w0, #0
    ret
gettimeofday_end:

// int clock_getres(clockid_t w0, struct timespec *x1): the kernel knows which clocks there are
clock_getres:
    mov     x8, #NR_CLOCK_GETRES
    svc     #0
    ret
clock_getres_end:

// Where a signal handler returns to. Debuggers and unwinders know a signal frame by exactly these two instructions.
    nop
    .global vdso_sigreturn
vdso_sigreturn:
rt_sigreturn:
    mov     x8, #NR_RT_SIGRETURN
    svc     #0
rt_sigreturn_end:

    .balign 4096
vdso_end:
