//! From the firmware's jump to `kernel_main`: image header, EL3/EL2 -> EL1, first tables, MMU and caches on.
#![no_std]
