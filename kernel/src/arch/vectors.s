    .section .text.vectors, "ax"
    .balign 2048
exception_vectors:
    .rept 16
    b .
    .balign 128
    .endr
