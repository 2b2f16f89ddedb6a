//! The tests, of whatever kind, as trials of one `libtest-mimic` run.
//!
//! | name | what runs | where |
//! |---|---|---|
//! | `host::PACKAGE::TEST` | a unit test on this machine; the oracle's scripts on the crate `mm` alone | `host`, `oracle` |
//! | `kernel::TEST` | an in-kernel test, in a QEMU that is kept alive from one to the next | `kernel`, with `session` and its `protocol` |
//! | `program::TEST` | a program in a machine of its own: its output and exit status are compared | `program`; lists of such in `c_programs`, `huge_pages`, `oracle`, `refusals` |
//! | `boot::TEST` | the same, for the kind of machine | `boots`, `placements`, `boards` |
//! | | U-Boot in the firmware's place | `u_boot` for `loads` and `cards` |
//! | | cards and serial lines | `card_check`, `push` |
//! | | instructions of the kernel's file, looked at | `code` for `early` and `errata` |
//!
//! With `--port`, in-kernel and program tests run on a real board: `on_board`. What all have in common is in `bench` and `report`.

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
