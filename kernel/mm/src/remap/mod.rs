//! `mremap`: the request, what it comes to, and the doing.
#![deny(unsafe_code)]

mod request;

pub(crate) use request::Request;
