//! Tests of reading executables, of the first stack, and of the vdso.

use alloc::vec::Vec;
use elf::abi;

use super::auxv::{Facts, Strings};
use super::image::{Image, Protection, Refusal, Segment};
use super::stack::{self, Contents, TooLarge};
use super::vdso;

/// A file with two segments, text and data, as a linker lays it out; each test breaks it in its own way.
#[derive(Clone)]
struct File {
    machine: u16,
    kind: u16,
    entry: u64,
    header_size: u16,
    headers: Vec<[u64; 7]>,
    len: usize,
}

/// Words of a program header: type and flags, offset, address, physical address, sizes in file and memory, alignment.
fn header(kind: u32, flags: u32, offset: u64, address: u64, file: u64, memory: u64) -> [u64; 7] {
    [
        u64::from(flags) << 32 | u64::from(kind),
        offset,
        address,
        address,
        file,
        memory,
        0x1000,
    ]
}

impl File {
    fn good() -> Self {
        Self {
            machine: abi::EM_AARCH64,
            kind: abi::ET_EXEC,
            entry: 0x40_0100,
            header_size: 56,
            headers: [
                header(abi::PT_LOAD, abi::PF_R | abi::PF_X, 0, 0x40_0000, 0x1200, 0x1200),
                header(
                    abi::PT_LOAD,
                    abi::PF_R | abi::PF_W,
                    0x1200,
                    0x40_2200,
                    0x100,
                    0x3000,
                ),
                header(abi::PT_GNU_STACK, abi::PF_R | abi::PF_W, 0, 0, 0, 0),
            ]
            .to_vec(),
            len: 0x1300,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::from([0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(self.kind.to_le_bytes());
        bytes.extend(self.machine.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        for word in [self.entry, 64, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0u32.to_le_bytes());
        for half in [64, self.header_size, self.headers.len() as u16, 0, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        bytes.extend(self.headers.iter().flatten().flat_map(|word| word.to_le_bytes()));
        bytes.resize(self.len, 0);
        bytes
    }

    fn refusal(&self) -> Option<Refusal> {
        Image::parse(&self.bytes()).err()
    }
}

/// The refusal of a good file after `change`.
fn refusal(change: impl FnOnce(&mut File)) -> Option<Refusal> {
    let mut file = File::good();
    change(&mut file);
    file.refusal()
}

crate::ktest! {
    /// What a good file asks for is read as it stands.
    fn a_good_executable_is_read() {
        let image = Image::parse(&File::good().bytes()).expect("nothing is wrong with it");
        assert_eq!((image.entry, image.headers, image.header_count), (0x40_0100, Some(0x40_0040), 3));
        assert!(!image.position_independent && !image.executable_stack);
        assert_eq!(image.span(), 0x40_0000..0x40_6000);
        let data = Segment {
            start: 0x40_2200,
            memory_len: 0x3000,
            file: 0x1200..0x1300,
            protection: Protection { read: true, write: true, execute: false },
        };
        assert_eq!(image.segments[1], data);
        assert_eq!((data.file_end(), data.end()), (0x40_2300, 0x40_5200));
    }

    /// An executable stack and a place of the kernel's choice are asked for by flag and type.
    fn flags_of_a_file_are_read() {
        let mut file = File::good();
        file.kind = abi::ET_DYN;
        file.headers[2][0] |= u64::from(abi::PF_X) << 32;
        file.headers[1][6] = 0x1_0000;
        let image = Image::parse(&file.bytes()).expect("nothing is wrong with it");
        assert!(image.position_independent && image.executable_stack);
        assert_eq!(image.alignment, 0x1_0000);
    }

    /// An image that can lie anywhere keeps its layout wherever it is put.
    fn an_image_moves_as_a_whole() {
        let image = Image::parse(&File::good().bytes()).expect("nothing is wrong with it");
        let moved = Image::parse(&File::good().bytes()).expect("the same").moved(0x1000_0000);
        assert_eq!((moved.entry, moved.headers), (0x1040_0100, Some(0x1040_0040)));
        assert_eq!(moved.span(), 0x1040_0000..0x1040_6000);
        assert_eq!(moved.segments[1].file, image.segments[1].file);
        assert_eq!(moved.moved(0u64.wrapping_sub(0x1000_0000)), image);
    }

    /// Files that are something else are named for what they are.
    fn other_files_are_refused() {
        assert_eq!(Image::parse(b"#!/bin/sh\n").err(), Some(Refusal::NotElf));
        assert_eq!(Image::parse(b"").err(), Some(Refusal::NotElf));
        let change_byte = |at: usize, byte| {
            let mut bytes = File::good().bytes();
            bytes[at] = byte;
            Image::parse(&bytes).err()
        };
        assert_eq!(change_byte(4, 1), Some(Refusal::Not64Bit));
        assert_eq!(change_byte(5, 2), Some(Refusal::NotLittleEndian));
        assert_eq!(change_byte(6, 9), Some(Refusal::BadVersion));
        assert_eq!(refusal(|file| file.machine = 62), Some(Refusal::WrongMachine(62)));
        assert_eq!(refusal(|file| file.kind = abi::ET_REL), Some(Refusal::NotExecutable(abi::ET_REL)));
        let interpreter = header(abi::PT_INTERP, abi::PF_R, 0x100, 0x40_0100, 8, 8);
        assert_eq!(refusal(|file| file.headers.push(interpreter)), Some(Refusal::Dynamic));
    }

    /// A file that ends before what its headers promise is truncated, wherever it ends.
    fn every_truncation_is_refused() {
        let whole = File::good().bytes();
        for len in 4..whole.len() {
            let refusal = Image::parse(&whole[..len]).err();
            let cut = matches!(refusal, Some(Refusal::Truncated { has, .. }) if has == len as u64);
            assert!(cut || len < 16 && refusal.is_some(), "{len} bytes: {refusal:?}");
        }
    }

    /// Segments that can't be mapped as they ask are refused.
    fn impossible_segments_are_refused() {
        assert_eq!(refusal(|file| file.header_size = 32), Some(Refusal::HeaderSize(32)));
        assert_eq!(refusal(|file| file.headers.clear()), Some(Refusal::NoSegments));
        assert_eq!(refusal(|file| drop(file.headers.drain(..2))), Some(Refusal::NoSegments));
        assert_eq!(refusal(|file| file.headers[1][5] = 0x80), Some(Refusal::FileLargerThanMemory { segment: 1 }));
        assert_eq!(refusal(|file| file.headers[1][2] += 1), Some(Refusal::Misaligned { segment: 1 }));
        assert_eq!(refusal(|file| file.headers[1][6] = 3), Some(Refusal::BadAlignment { segment: 1 }));
        assert_eq!(
            refusal(|file| file.headers[1][6] = 1 << 40),
            Some(Refusal::BadAlignment { segment: 1 })
        );
        assert_eq!(refusal(|file| file.headers[1][2] = 0x40_0200), Some(Refusal::Overlap { segment: 1 }));
        assert_eq!(refusal(|file| file.headers.swap(0, 1)), Some(Refusal::Overlap { segment: 1 }));
        for address in [0xffff_8000_0000_2200, 1 << 48 | 0x200, 0x0000_ffff_ffff_f200, u64::MAX - 0xdff] {
            let refusal = refusal(|file| file.headers[1][2] = address);
            assert_eq!(refusal, Some(Refusal::KernelHalf { segment: 1 }), "{address:#x}");
        }
        assert_eq!(refusal(|file| file.headers[1][5] = u64::MAX), Some(Refusal::KernelHalf { segment: 1 }));
        assert_eq!(refusal(|file| file.entry = 0x40_2200), Some(Refusal::EntryOutside(0x40_2200)));
        assert_eq!(refusal(|file| file.entry = 0), Some(Refusal::EntryOutside(0)));
    }

    /// No single wrong byte in the headers does worse than a refusal.
    fn damaged_headers_do_no_harm() {
        let whole = File::good().bytes();
        for at in 0..64 + 3 * 56 {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                if let Ok(image) = Image::parse(&bytes) {
                    let span = image.span();
                    assert!(span.start < span.end && span.end < mm::TASK_SIZE, "byte {at} = {byte:#x}");
                }
            }
        }
    }

    /// Count, pointers and strings lie where a program's start code looks for them.
    fn the_first_stack_is_laid_out() {
        let top = 0x1_0000;
        let contents = Contents {
            arguments: &[b"/prog", b"", b"two"],
            environment: &[b"HOME=/"],
            path: b"/prog",
            random: [7; 16],
        };
        let mut facts = facts();
        let stack = stack::build(top, &contents, &mut facts).expect("it is small");
        assert!(stack.bottom.is_multiple_of(16));
        assert_eq!(stack.bottom + stack.bytes.len() as u64, top);
        let word = |index: usize| {
            let bytes = stack.bytes[8 * index..][..8].try_into().expect("eight bytes");
            u64::from_le_bytes(bytes)
        };
        let string = |address: u64| {
            let bytes = &stack.bytes[(address - stack.bottom) as usize..];
            &bytes[..bytes.iter().position(|byte| *byte == 0).expect("an end")]
        };
        assert_eq!(word(0), 3);
        assert_eq!([string(word(1)), string(word(2)), string(word(3))], [&b"/prog"[..], b"", b"two"]);
        assert_eq!((word(4), string(word(5)), word(6)), (0, &b"HOME=/"[..], 0));
        let auxiliary = |kind: u32| {
            let types = (7..).step_by(2).take_while(|index| word(*index) != 0);
            types.into_iter().find(|index| word(*index) == kind.into()).map(|index| word(index + 1))
        };
        use linux_raw_sys::auxvec::{AT_ENTRY, AT_EXECFN, AT_PAGESZ, AT_PLATFORM, AT_RANDOM};
        assert_eq!((auxiliary(AT_ENTRY), auxiliary(AT_PAGESZ)), (Some(0x1234), Some(4096)));
        assert_eq!(auxiliary(AT_EXECFN).map(string), Some(&b"/prog"[..]));
        assert_eq!(auxiliary(AT_PLATFORM).map(string), Some(&b"aarch64"[..]));
        let random = auxiliary(AT_RANDOM).expect("16 bytes") - stack.bottom;
        assert_eq!(stack.bytes[random as usize..][..16], [7; 16]);
    }

    /// Arguments that would fill the stack are refused.
    fn too_many_arguments_are_refused() {
        let long = alloc::vec![b'x'; 1 << 20];
        let arguments: [&[u8]; 3] = [&long, &long, &long];
        let contents = Contents { arguments: &arguments, environment: &[], path: b"/prog", random: [0; 16] };
        assert_eq!(stack::build(1 << 48, &contents, &mut facts()).err(), Some(TooLarge));
    }

    /// The vdso is a shared library whose symbols are found by its hash table, with the version that C libraries ask for.
    fn the_vdso_is_a_library() {
        let library = vdso::library();
        assert_eq!(library.len(), 4096);
        let file = elf::ElfBytes::<elf::endian::LittleEndian>::minimal_parse(library).expect("an ELF file");
        let segments = file.segments().expect("program headers");
        let load = segments.iter().find(|segment| segment.p_type == abi::PT_LOAD).expect("a segment");
        assert_eq!((load.p_offset, load.p_vaddr, load.p_filesz), (0, 0, 4096));
        let dynamic: Vec<_> = file.dynamic().ok().flatten().expect("a dynamic section").iter().collect();
        let value = |tag: i64| dynamic.iter().find(|entry| entry.d_tag == tag).map(|entry| entry.d_val()).expect("a tag");
        let at = |address: u64| &library[address as usize..];
        let name = |offset: u64| {
            let bytes = at(value(abi::DT_STRTAB) + offset);
            &bytes[..bytes.iter().position(|byte| *byte == 0).expect("an end")]
        };
        let word = |address: u64| u64::from(u32::from_le_bytes(at(address)[..4].try_into().expect("four bytes")));
        assert_eq!(name(value(abi::DT_SONAME)), b"linux-vdso.so.1");
        let (hash, symbols) = (value(abi::DT_HASH), value(abi::DT_SYMTAB));
        let mut found = Vec::new();
        let mut index = word(hash + 8);
        while index != 0 {
            found.push(name(word(symbols + 24 * index)));
            assert_eq!(at(value(abi::DT_VERSYM) + 2 * index)[..2], [2, 0]);
            index = word(hash + 12 + 4 * index);
        }
        let names: [&[u8]; 4] =
            [b"__kernel_clock_gettime", b"__kernel_gettimeofday", b"__kernel_clock_getres", b"__kernel_rt_sigreturn"];
        assert_eq!(found, names);
        // The second definition, its name, and that name's hash by the ABI's function.
        let definition = value(abi::DT_VERDEF) + word(value(abi::DT_VERDEF) + 16);
        assert_eq!(name(word(definition + 20)), b"LINUX_2.6.39");
        assert_eq!(word(definition + 8), elf::hash::sysv_hash(b"LINUX_2.6.39").into());
        assert_eq!(word(value(abi::DT_VERDEF) + 8), elf::hash::sysv_hash(b"linux-vdso.so.1").into());
    }
}

fn facts() -> Facts {
    Facts {
        headers: 0,
        header_count: 0,
        entry: 0x1234,
        vdso: 0,
        hwcap: 0,
        hwcap2: 0,
        strings: Strings::default(),
    }
}
