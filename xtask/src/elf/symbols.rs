//! Names for addresses: the kernel prints raw return addresses, the ELF file knows what they belong to.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use addr2line::gimli::{self, EndianReader, RunTimeEndian};
use anyhow::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use crate::workspace;

type Bytes = EndianReader<RunTimeEndian, Arc<[u8]>>;

/// What stands before a function into which the one before it was inlined.
const CALLER: &str = "\n       in ";

/// The symbols and line tables of one ELF file.
pub(crate) struct Symbols {
    lines: addr2line::Context<Bytes>,
    /// Functions by start address: start, length, name.
    functions: Vec<(u64, u64, String)>,
    /// The addresses that hold code: start and end. Line tables also speak of functions that the linker has dropped.
    code: Vec<(u64, u64)>,
    root: PathBuf,
}

/// Where an instruction belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The function in the file.
    pub(crate) symbol: String,
    /// The function in the source, which may have been inlined there.
    pub(crate) function: String,
    /// `FILE:LINE`, empty where it isn't known.
    pub(crate) line: String,
    /// Whether it is the function's first instruction.
    pub(crate) is_start: bool,
}

impl Place {
    /// Somewhere in a function of which nothing else is known.
    pub(crate) fn named(symbol: &str) -> Self {
        Place {
            symbol: symbol.to_owned(),
            function: symbol.to_owned(),
            ..Place::default()
        }
    }
}

impl Symbols {
    /// Reads them.
    pub(crate) fn load(elf: &Path) -> Result<Self> {
        let data = fs_err::read(elf)?;
        Self::parse(&data).with_context(|| format!("could not read the symbols of {}", elf.display()))
    }

    fn parse(data: &[u8]) -> Result<Self> {
        let file = object::File::parse(data)?;
        let section = |id: gimli::SectionId| -> Result<Bytes, gimli::Error> {
            let contents = file
                .section_by_name(id.name())
                .and_then(|s| s.uncompressed_data().ok());
            let contents = contents.unwrap_or(Cow::Borrowed(&[]));
            Ok(Bytes::new(contents.into_owned().into(), RunTimeEndian::Little))
        };
        let lines = addr2line::Context::from_dwarf(gimli::Dwarf::load(section)?)?;
        let mut functions: Vec<_> = file
            .symbols()
            // Labels of assembly have no type; elsewhere than in code, such symbols are the linker's.
            .filter(|symbol| match symbol.kind() {
                SymbolKind::Text | SymbolKind::Label => true,
                SymbolKind::Unknown => symbol
                    .section_index()
                    .and_then(|index| file.section_by_index(index).ok())
                    .is_some_and(|section| section.kind() == SectionKind::Text),
                _ => false,
            })
            .filter_map(|symbol| Some((symbol.address(), symbol.size(), symbol.name().ok()?.to_owned())))
            .filter(|(_, _, name)| !name.is_empty() && !name.starts_with('$'))
            .collect();
        functions.sort_unstable();
        let is_code = |section: &object::Section<'_, '_>| section.kind() == SectionKind::Text;
        let end = |section: &object::Section<'_, '_>| section.address().saturating_add(section.size());
        let code = file
            .sections()
            .filter(is_code)
            .map(|section| (section.address(), end(&section)))
            .collect();
        Ok(Symbols {
            lines,
            functions,
            code,
            root: workspace::root(),
        })
    }

    /// What called: an address that a call will return to. The call is the instruction before it.
    pub(crate) fn of_return_address(&self, address: u64) -> Option<String> {
        self.of(address.checked_sub(1)?)
    }

    /// The function that an instruction belongs to, file and line, and what it was inlined into, each on a line of its own; inner
    /// first.
    pub(crate) fn of(&self, address: u64) -> Option<String> {
        if !self
            .code
            .iter()
            .any(|&(start, end)| start <= address && address < end)
        {
            return None;
        }
        let frames = self.frames(address);
        if !frames.is_empty() {
            return Some(frames.join(CALLER));
        }
        self.function(address)
    }

    fn frames(&self, address: u64) -> Vec<String> {
        let mut names = Vec::new();
        let Ok(mut list) = self.lines.find_frames(address).skip_all_loads() else {
            return Vec::new();
        };
        while let Ok(Some(frame)) = list.next() {
            let function = frame.function.as_ref();
            let name = function.and_then(|function| Some(demangled(&function.raw_name().ok()?)));
            names.push((
                name,
                frame
                    .location
                    .map_or_else(String::new, |location| self.place_text(&location)),
            ));
        }
        // Line tables alone name a function without its module; the symbol of what was not inlined has the whole path.
        if let Some((name, _)) = names.last_mut()
            && let Some((_, whole)) = self.symbol(address)
        {
            *name = Some(demangled(whole));
        }
        names
            .into_iter()
            .filter_map(|(name, place)| Some(name? + &place))
            .collect()
    }

    /// ` at FILE:LINE`, as far as it is known.
    fn place_text(&self, location: &addr2line::Location<'_>) -> String {
        match (location.file, location.line) {
            (Some(file), Some(line)) => format!(" at {}:{line}", self.short(file)),
            (Some(file), None) => format!(" at {}", self.short(file)),
            (None, _) => String::new(),
        }
    }

    /// Where an instruction belongs, for a profile.
    pub(crate) fn place(&self, address: u64) -> Place {
        let Some((start, name)) = self.symbol(address) else {
            return Place::named("code without a symbol");
        };
        let mut place = Place {
            is_start: address == start,
            ..Place::named(&demangled(name))
        };
        // The innermost function that was inlined there.
        if let Ok(mut frames) = self.lines.find_frames(address).skip_all_loads()
            && let Ok(Some(frame)) = frames.next()
        {
            let inner = frame.function.as_ref();
            let inner = inner.and_then(|function| Some(demangled(&function.raw_name().ok()?)));
            let is_inlined = matches!(frames.next(), Ok(Some(_)));
            place.function = inner.filter(|_| is_inlined).unwrap_or(place.function);
            if let Some(location) = &frame.location {
                place.line = self.place_text(location).trim_start_matches(" at ").to_owned();
            }
        }
        place
    }

    /// The symbol that an address lies in: its start and its name as the linker knows it.
    fn symbol(&self, address: u64) -> Option<(u64, &str)> {
        let after = self.functions.partition_point(|(start, _, _)| *start <= address);
        let (start, length, name) = self.functions.get(after.checked_sub(1)?)?;
        let offset = address - start;
        // Symbols written in assembly may have no length.
        let inside = if *length > 0 {
            offset < *length
        } else {
            offset < 1 << 20
        };
        inside.then_some((*start, name.as_str()))
    }

    /// The symbol that an address lies in, with the distance from its start.
    fn function(&self, address: u64) -> Option<String> {
        let (start, name) = self.symbol(address)?;
        Some(format!("{}+{:#x}", demangled(name), address - start))
    }

    /// A source file's name without what everybody knows.
    fn short<'a>(&self, file: &'a str) -> &'a str {
        let root = self.root.to_string_lossy();
        if let Some(inside) = file.strip_prefix(root.as_ref()) {
            return inside.trim_start_matches('/');
        }
        // Sources of the standard library and of crates: from the crate's folder on.
        for marker in ["/library/", "/registry/src/"] {
            if let Some(at) = file.rfind(marker) {
                return &file[at + marker.len()..];
            }
        }
        file
    }
}

fn demangled(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// The return address in a line of a panic's call stack, as the kernel prints them: `  #3 0xffff800000012345`.
pub(crate) fn address_in(line: &str) -> Option<u64> {
    let rest = line.trim().strip_prefix('#')?;
    let (number, address) = rest.split_once(' ')?;
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    u64::from_str_radix(address.trim().strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_call_stack_are_told_from_others() {
        assert_eq!(address_in("  #3 0xffff800000012345"), Some(0xffff_8000_0001_2345));
        assert_eq!(address_in("#0 0x10\r"), Some(0x10));
        for other in [
            "#3",
            "# 0x10",
            "#x 0x10",
            "3 0x10",
            "#3 10",
            "#3 0xg",
            "#3 0x10 and more",
            "",
        ] {
            assert_eq!(address_in(other), None, "{other}");
        }
    }

    #[inline(never)]
    fn landmark() -> usize {
        std::hint::black_box(landmark as *const () as usize)
    }

    #[test]
    fn this_tests_own_functions_have_names_and_lines() {
        let exe = std::env::current_exe().unwrap();
        let data = fs_err::read(&exe).unwrap();
        let symbols = Symbols::parse(&data).unwrap();
        // The executable is loaded somewhere; its file counts from 0.
        let file = object::File::parse(&*data).unwrap();
        let symbol = file
            .symbols()
            .find(|s| s.name().is_ok_and(|name| name.contains("8landmark")))
            .unwrap();
        let address = symbol.address();
        assert_ne!(landmark(), 0);

        let text = symbols.of(address).unwrap();
        assert!(text.contains("landmark"), "{text}");
        let name = symbols.function(address + 2).unwrap();
        assert!(name.ends_with("landmark+0x2"), "{name}");
        assert_eq!(symbols.of(u64::MAX), None);
        // A return address just past a call at a function's very end belongs to that function.
        assert!(
            symbols
                .of_return_address(address + symbol.size())
                .unwrap()
                .contains("landmark")
        );
    }

    #[test]
    fn a_file_without_symbols_answers_nothing() {
        let file = crate::elf::check::sample::elf(&[crate::elf::check::sample::Segment::load(0x1000)]);
        assert_eq!(Symbols::parse(&file).unwrap().of(0x1000), None);
        assert!(Symbols::parse(b"junk").is_err());
    }
}
