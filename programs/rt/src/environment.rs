//! What the kernel hands to a program: arguments, environment, auxiliary vector.

use core::ffi::{CStr, c_char};

/// The arguments, environment and auxiliary vector of this process.
///
/// It is a pointer to what lies at the top of the stack: copying it is free.
#[derive(Clone, Copy)]
pub struct Environment {
    argc: usize,
    argv: *const *const c_char,
}

/// An entry of the auxiliary vector, see `getauxval(3)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auxiliary {
    /// One of the `AT_` numbers.
    pub kind: usize,
    /// Its value: a number or an address.
    pub value: usize,
}

impl Environment {
    /// Wraps the argument vector.
    ///
    /// # Safety
    /// `argv` is the vector that the kernel put on this process's stack, with `argc` entries and a null; after it lie the
    /// environment's, and after that the auxiliary vector. All stays as it is while the program runs.
    pub unsafe fn new(argc: i32, argv: *const *const c_char) -> Self {
        Environment {
            argc: argc as usize,
            argv,
        }
    }

    /// The arguments, the program's own name first.
    pub fn arguments(&self) -> impl Iterator<Item = &'static CStr> + use<> {
        strings(self.argv)
    }

    /// The arguments after the program's name, as text; one that isn't UTF-8 reads as empty.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.arguments()
            .skip(1)
            .map(|argument| argument.to_str().unwrap_or(""))
    }

    /// The environment: each entry is `NAME=value`.
    pub fn variables(&self) -> impl Iterator<Item = &'static CStr> + use<> {
        strings(self.environment())
    }

    /// The value of the environment variable `name`, if it is there and is UTF-8.
    pub fn variable(&self, name: &str) -> Option<&'static str> {
        self.variables()
            .filter_map(|entry| entry.to_str().ok()?.split_once('='))
            .find_map(|(key, value)| (key == name).then_some(value))
    }

    /// The auxiliary vector, without its end mark.
    pub fn auxiliary(&self) -> impl Iterator<Item = Auxiliary> + use<> {
        let mut at: *const Auxiliary = self
            .environment()
            .wrapping_add(self.variables().count() + 1)
            .cast();
        core::iter::from_fn(move || {
            // SAFETY: the vector follows the environment's null, as `new` demands; pairs of words, read up to AT_NULL.
            let (kind, value) = unsafe { (*at.cast::<usize>(), *at.cast::<usize>().add(1)) };
            if kind == 0 {
                return None;
            }
            at = at.wrapping_add(1);
            Some(Auxiliary { kind, value })
        })
    }

    /// The value of the auxiliary vector's entry `kind` (one of `linux::auxvec::AT_*`).
    pub fn auxiliary_value(&self, kind: u32) -> Option<usize> {
        self.auxiliary()
            .find(|entry| entry.kind == kind as usize)
            .map(|entry| entry.value)
    }

    fn environment(&self) -> *const *const c_char {
        self.argv.wrapping_add(self.argc + 1)
    }
}

/// The strings of a vector that ends with a null pointer. Only for the vectors that `Environment::new` vouches for.
fn strings(mut at: *const *const c_char) -> impl Iterator<Item = &'static CStr> + use<> {
    core::iter::from_fn(move || {
        // SAFETY: `at` lies in a vector that `Environment::new` vouches for, at or before its null.
        let string = unsafe { *at };
        if string.is_null() {
            return None;
        }
        at = at.wrapping_add(1);
        // SAFETY: an entry of these vectors is a string with a NUL at its end that lives as long as the process.
        Some(unsafe { CStr::from_ptr(string) })
    })
}
