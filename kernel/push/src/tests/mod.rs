//! The protocol on lines that lose, change, double and insert bytes, and with sides that begin anew.

mod frames;
mod line;
mod transfers;
