//! Set-up that sets itself up: each verb makes sure of what it needs, and prints each command before it runs it.

pub(crate) mod apt;
pub(crate) mod card_tools;
pub(crate) mod core;
pub(crate) mod cross;
pub(crate) mod device_trees;
pub(crate) mod firmware;
pub(crate) mod qemu;
pub(crate) mod rust_src;
pub(crate) mod system;
pub(crate) mod u_boot;
