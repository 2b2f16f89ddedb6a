//! What a page fault does.

mod grow;
mod huge;
mod resolve;

pub(crate) use resolve::rights;

/// What the program wanted to do at the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store, or an atomic read and write.
    Write,
    /// An instruction fetch.
    Execute,
}

/// Why an access cannot be made good. The signal is Linux's (`sigaction(2)`, `si_code`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultError {
    /// Nothing is mapped there: `SIGSEGV` with `SEGV_MAPERR`.
    MapError,
    /// The mapping forbids it: `SIGSEGV` with `SEGV_ACCERR`.
    AccessError,
    /// The page lies past the end of its object: `SIGBUS` with `BUS_ADRERR`.
    Bus,
    /// No memory is left for the page or for the tables that lead to it; nothing has changed.
    OutOfMemory,
}
