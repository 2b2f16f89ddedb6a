//! An address space with Linux's semantics: the tree of mappings, ARMv8 page tables, and `mremap` in full.
//!
//! The crate is `no_std`, holds no assembly and knows no board: what it needs of a machine it asks for through the four
//! traits of [`machine`]. It builds and tests on any host, where a fake machine stands in.
//!
//! System calls and the fault handler come in through [`AddressSpace`].
#![no_std]

extern crate alloc;
#[cfg(any(test, feature = "fake"))]
extern crate std;

mod addr;
mod errno;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod fault;
pub mod machine;
mod object;
mod page;
mod remap;
mod space;
pub mod table;
pub mod vma;

pub use addr::{ACCESS_END, PAGE_SHIFT, PAGE_SIZE, PageRange, PhysAddr, TASK_SIZE, VirtAddr};
pub use errno::Errno;
pub use fault::{Access, FaultError};
pub use object::Object;
pub use space::{
    AddressSpace, AdviceRequest, Backing, Capabilities, DEFAULT_MAX_MAP_COUNT, DEFAULT_MMAP_MIN_ADDR,
    Footprint, HugePageMode, HugePages, Layout, Limits, MapRequest, Mapping, Overcommit, OvercommitPolicy,
    PageState, Proportional, RLIM_INFINITY, Usage, check_protect,
};
