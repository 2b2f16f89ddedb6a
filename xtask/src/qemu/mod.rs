//! QEMU: the command line that describes a machine, and the run of one.

pub(crate) mod boot;
pub(crate) mod machine;
pub(crate) mod placement;
pub(crate) mod raspi;

/// The program that is run, unless the variable `QEMU` names another.
pub(crate) const PROGRAM: &str = "qemu-system-aarch64";
