//! The tests, of whatever kind, as trials of one `libtest-mimic` run.
//!
//! | name | what runs |
//! |---|---|
//! | `host::PACKAGE::TEST` | a unit test on this machine |
//! | `kernel::TEST` | an in-kernel test, in a QEMU that is kept alive from one to the next |
//! | `program::TEST` | a program in a machine of its own: its output and exit status are compared |
//! | `boot::TEST` | the same, for the kind of machine |

pub(crate) mod bench;
pub(crate) mod boards;
pub(crate) mod boots;
pub(crate) mod c_programs;
pub(crate) mod card_check;
pub(crate) mod cards;
mod code;
pub(crate) mod early;
pub(crate) mod errata;
pub(crate) mod host;
pub(crate) mod huge_pages;
pub(crate) mod kernel;
pub(crate) mod loads;
pub(crate) mod on_board;
pub(crate) mod oracle;
pub(crate) mod placements;
pub(crate) mod program;
pub(crate) mod protocol;
pub(crate) mod push;
pub(crate) mod refusals;
pub(crate) mod report;
pub(crate) mod session;
mod u_boot;
