//! The in-kernel test harness.
//!
//! Tests live beside the code that they test and register themselves by [`crate::ktest!`]. They run at EL1 with everything up that
//! is up before the first program. With the feature `ktest` and the word `ktest` on the command line the kernel prints
//! `ktest: ready` and then obeys lines from the console:
//!
//! | line | answer |
//! | --- | --- |
//! | `list` | `ktest: test NAME` for each test, then `ktest: end` |
//! | `run NAME` | whatever the test prints, then `ktest: ok NAME` or, in a panic, `ktest: failed NAME at FILE:LINE: MESSAGE` |
//! | `exit` | the machine ends with status 0 |
//!
//! A failed test ends the machine with the panic's status; the host starts it again for the next test. Without the feature
//! the macro leaves nothing behind.

#[cfg(feature = "ktest")]
mod harness;
#[cfg(feature = "ktest")]
pub(crate) use harness::{TESTS, Test, panicked, run};

/// Says that there are no tests, and ends the machine.
#[cfg(not(feature = "ktest"))]
pub(crate) fn run() -> ! {
    crate::board::power::fail(format_args!(
        "`ktest`: this image was built without the in-kernel tests"
    ))
}

/// Registers in-kernel tests: functions without arguments that panic to fail.
#[macro_export]
macro_rules! ktest {
    ($($(#[$attribute:meta])* fn $name:ident() $body:block)*) => {
        $(
            #[cfg(feature = "ktest")]
            $(#[$attribute])*
            fn $name() {
                #[linkme::distributed_slice($crate::ktest::TESTS)]
                static TEST: $crate::ktest::Test =
                    $crate::ktest::Test { module: module_path!(), name: stringify!($name), run: $name };
                $body
            }
        )*
    };
}
