//! One file a verb, and what several of them do alike: [`launch`] a machine, take a [`program`].

pub(crate) mod doctor;
pub(crate) mod flash;
pub(crate) mod gdb;
pub(crate) mod image;
mod launch;
pub(crate) mod lint;
mod program;
pub(crate) mod push;
pub(crate) mod run;
pub(crate) mod size;
pub(crate) mod symbolize;
pub(crate) mod test;
