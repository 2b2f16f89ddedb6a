//! `mremap`: the [request], what it comes to ([plan]), and the doing ([commit]).
//!
//! A plan is made by reading alone, in Linux's order of checks. What it needs is then set aside, the only step that can run
//! out of memory; and nothing fails after that.
#![deny(unsafe_code)]

mod commit;
mod grow;
mod kept;
mod plan;
mod request;
mod run;
mod short;
#[cfg(test)]
mod tests;
mod together;

pub(crate) use request::{Request, untagged};
