//! What every EL0 program of the project starts with: entry, raw system calls, printing.
#![no_std]
