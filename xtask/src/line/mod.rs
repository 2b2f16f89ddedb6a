//! The serial line to a board: a device, or a socket, at which QEMU or a server of serial lines listens.

mod address;
mod open;
mod port;
mod reconnect;

pub(crate) use address::Address;
pub(crate) use port::wait_for_one;
pub(crate) use port::{Lost, Port};
pub(crate) use reconnect::{Heard, Line};
