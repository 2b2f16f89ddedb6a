//! How a kernel and its program come over a serial line, to a board that waits for them.
//!
//! The line may lose, change and double bytes, and be cut and joined again; either side may begin anew at any time. What arrives is
//! right all the same: each [frame] carries a checksum, each [message](ToBoard) names the transfer that it belongs to, each
//! block its number, and before anything starts, the whole is checked once more.
//!
//! Host and board take turns. The host says something and repeats it until it has heard the answer; the board only ever answers.
//!
//! | host | board |
//! | --- | --- |
//! | [`ToBoard::Hello`] | [`FromBoard::Ready`]: it waits, and so much fits |
//! | [`ToBoard::Begin`] | [`FromBoard::Wants`] the first block, or [`FromBoard::Refused`] |
//! | [`ToBoard::Block`] | [`FromBoard::Wants`] the next block |
//! | [`ToBoard::Run`] | [`FromBoard::Starting`], if all is there and right; else [`FromBoard::Wants`] a block |
//!
//! A board that doesn't know of the transfer says [`FromBoard::Ready`]: it was started anew, and the host begins anew. Neither side reads
//! a clock or a device here: [`Sender`] and [`Receiver`] are told the time and the messages, so that both are tested on any host.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod frame;
mod image;
mod message;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

pub use message::{BLOCK, Ending, FromBoard, Job, Part, Refusal, ToBoard, VERSION, WORDS};
pub use receiver::{QUIET, Received, Receiver};
pub use sender::{Failure, Sender};
