//! The stack that a program finds at its first instruction: argument count, pointers, auxiliary vector and, above them, the strings
//! (System V ABI, "process initialization"; the order of the strings is Linux's).

use alloc::vec::Vec;
use core::ops::Range;

use super::auxv::{self, Facts, Strings};

/// `AT_PLATFORM`.
const PLATFORM: &[u8] = b"aarch64";
/// The most bytes that arguments and environment may take with their pointers: a quarter of the stack's limit, as on Linux.
const LARGEST: u64 = super::STACK_SIZE / 4;

/// What goes onto the stack.
pub(crate) struct Contents<'a> {
    /// The arguments, the program's name first.
    pub(crate) arguments: &'a [&'a [u8]],
    /// The environment, `NAME=value`.
    pub(crate) environment: &'a [&'a [u8]],
    /// The program's path (`AT_EXECFN`).
    pub(crate) path: &'a [u8],
    /// What `AT_RANDOM` points to.
    pub(crate) random: [u8; 16],
}

/// A stack, ready to be copied to `bottom`, which the stack pointer starts at.
#[derive(Debug)]
pub(crate) struct Stack {
    /// Address of the first byte, 16-byte aligned: the stack pointer at the first instruction.
    pub(crate) bottom: u64,
    /// The bytes from there to the top.
    pub(crate) bytes: Vec<u8>,
    /// Where the strings of the arguments lie, one behind the other.
    pub(crate) arguments: Range<u64>,
    /// Where those of the environment lie.
    pub(crate) environment: Range<u64>,
    /// The auxiliary vector.
    pub(crate) auxiliary: Vec<u64>,
}

/// The arguments and environment are larger than a quarter of the stack.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

/// Lays out a stack that ends at `top`, 16-byte aligned. `facts.strings` is filled in here.
pub(crate) fn build(top: u64, contents: &Contents<'_>, facts: &mut Facts) -> Result<Stack, TooLarge> {
    let mut strings = Downward::new(top);
    // From the top down, so that the last string pushed lies lowest.
    strings.push(&[0; 8]);
    let path = strings.push_string(contents.path);
    let environment_end = strings.at;
    let environment = strings.push_all(contents.environment);
    let arguments_end = strings.at;
    let arguments = strings.push_all(contents.arguments);
    let arguments_start = strings.at;
    let platform = strings.push_string(PLATFORM);
    let random = strings.push(&contents.random);
    facts.strings = Strings {
        random,
        path,
        platform,
    };

    let mut words = Vec::from([arguments.len() as u64]);
    words.extend_from_slice(&arguments);
    words.push(0);
    words.extend_from_slice(&environment);
    words.push(0);
    let auxiliary = auxv::build(facts);
    words.extend_from_slice(&auxiliary);

    let bottom = (strings.at - 8 * words.len() as u64) & !15;
    if top - bottom > LARGEST {
        return Err(TooLarge);
    }
    let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize((strings.at - bottom) as usize, 0);
    bytes.extend(strings.reversed.iter().rev());
    Ok(Stack {
        bottom,
        bytes,
        arguments: arguments_start..arguments_end,
        environment: arguments_end..environment_end,
        auxiliary,
    })
}

/// Strings that grow down from the top of the stack, kept in reverse so that pushing is appending.
struct Downward {
    at: u64,
    reversed: Vec<u8>,
}

impl Downward {
    fn new(top: u64) -> Self {
        Self {
            at: top,
            reversed: Vec::new(),
        }
    }

    /// Puts `bytes` below what is there and says where.
    fn push(&mut self, bytes: &[u8]) -> u64 {
        self.reversed.extend(bytes.iter().rev());
        self.at -= bytes.len() as u64;
        self.at
    }

    fn push_string(&mut self, string: &[u8]) -> u64 {
        self.push(&[0]);
        self.push(string)
    }

    /// Puts all of `strings` so that they lie in their order, and returns their addresses in that order.
    fn push_all(&mut self, strings: &[&[u8]]) -> Vec<u64> {
        let mut addresses: Vec<u64> = strings
            .iter()
            .rev()
            .map(|string| self.push_string(string))
            .collect();
        addresses.reverse();
        addresses
    }
}
