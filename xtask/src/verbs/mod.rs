//! One file a verb.

pub(crate) mod doctor;
pub(crate) mod flash;
pub(crate) mod gdb;
pub(crate) mod image;
pub(crate) mod lint;
pub(crate) mod push;
pub(crate) mod run;
pub(crate) mod size;
pub(crate) mod symbolize;
pub(crate) mod test;
