//! What no processor complains about in QEMU and every board does: instructions that must not run before the MMU is on.

use std::format;
use std::vec::Vec;

/// The assembly that runs before the MMU is on, file by file. What became of it in the image is looked at by `cargo xtask test`.
const FILES: [(&str, &str); 5] = [
    ("constants.s", include_str!("asm/constants.s")),
    ("head.s", include_str!("asm/head.s")),
    ("levels.s", include_str!("asm/levels.s")),
    ("device_tree.s", include_str!("asm/device_tree.s")),
    ("tables.s", include_str!("asm/tables.s")),
];

/// The instructions of all files: place, mnemonic, operands.
fn instructions() -> Vec<(std::string::String, &'static str, &'static str)> {
    let mut found = Vec::new();
    for (file, text) in FILES {
        for (number, line) in text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let code = code.rsplit_once(':').map_or(code, |(_, after)| after).trim();
            if code.is_empty() || code.starts_with('.') {
                continue;
            }
            let (mnemonic, operands) = code.split_once(char::is_whitespace).unwrap_or((code, ""));
            found.push((format!("{file}:{}", number + 1), mnemonic, operands.trim()));
        }
    }
    found
}

#[test]
fn nothing_exclusive_atomic_or_vectorial_runs_before_the_mmu_is_on() {
    const FORBIDDEN: [&str; 14] = [
        "ldx", "ldax", "stx", "stlx", "ldar", "stlr", "cas", "swp", "ldadd", "ldset", "ldclr", "ldeor",
        "prfm", "svc",
    ];
    let instructions = instructions();
    assert!(instructions.len() > 200, "the assembly was read");
    for (place, mnemonic, operands) in instructions {
        assert!(
            !FORBIDDEN.iter().any(|start| mnemonic.starts_with(start)),
            "{place}: {mnemonic}"
        );
        assert!(
            !(mnemonic == "dc" && operands.starts_with("zva")),
            "{place}: DC ZVA"
        );
        let vector = operands.split([',', ' ', '[', '{']).any(|word| {
            let mut letters = word.chars();
            matches!(letters.next(), Some('q' | 'v' | 'd' | 's' | 'h' | 'b'))
                && letters.as_str().parse::<u8>().is_ok()
        });
        assert!(!vector, "{place}: {operands}: a vector register");
    }
}

#[test]
fn caches_are_maintained_by_address_only() {
    for (place, mnemonic, operands) in instructions() {
        let set_and_way = ["isw", "csw", "cisw"]
            .iter()
            .any(|form| operands.starts_with(form));
        assert!(!(mnemonic == "dc" && set_and_way), "{place}: {operands}");
    }
}

#[test]
fn nothing_is_written_past_the_caches_but_the_tables_and_device_registers() {
    // What is written with the caches off needs maintenance by address, before and after. The tables get it; the registers are those
    // of an interrupt controller, in `boot_release_interrupts`.
    let instructions = instructions();
    let is_store = |mnemonic: &str| mnemonic.starts_with("st");
    for (place, mnemonic, _) in &instructions {
        let may = place.starts_with("tables.s") || place.starts_with("levels.s");
        assert!(!is_store(mnemonic) || may, "{place}: {mnemonic}");
    }
    let tables: Vec<_> = instructions
        .iter()
        .filter(|(place, ..)| place.starts_with("tables.s"))
        .collect();
    let position = |wanted: &dyn Fn(&str, &str) -> bool| {
        tables
            .iter()
            .position(|(_, mnemonic, operands)| wanted(mnemonic, operands))
    };
    let last = |wanted: &dyn Fn(&str, &str) -> bool| {
        tables
            .iter()
            .rposition(|(_, mnemonic, operands)| wanted(mnemonic, operands))
    };
    let drops = |mnemonic: &str, operands: &str| mnemonic == "bl" && operands == "boot_invalidate_tables";
    let calls_a_writer = |mnemonic: &str, operands: &str| mnemonic == "bl" && operands == "boot_map_image";
    assert!(position(&drops) < position(&|mnemonic, _| is_store(mnemonic)));
    assert!(last(&calls_a_writer) < last(&drops));
}

#[test]
fn all_of_it_is_in_the_section_that_runs_first() {
    for (file, text) in FILES {
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| line.starts_with(".section"))
        {
            assert!(line.starts_with(".section .text.boot"), "{file}: {line}");
        }
        let first_code = text
            .lines()
            .position(|line| line.starts_with("    ") && !line.trim().starts_with('.'));
        let first_section = text.lines().position(|line| line.trim().starts_with(".section"));
        assert!(first_code.is_none() || first_section < first_code, "{file}");
    }
}

#[test]
fn system_registers_are_written_whole() {
    // A register that is read to be written again keeps what firmware left in it. The exceptions: TCR_EL1, which boot wrote
    // itself just before.
    let instructions = instructions();
    for pair in instructions.windows(3) {
        let [(_, "mrs", read), _, (place, "msr", write)] = pair else {
            continue;
        };
        let (Some((_, from)), Some((to, _))) = (read.split_once(','), write.split_once(',')) else {
            continue;
        };
        assert!(
            from.trim() != to.trim() || to.trim() == "tcr_el1",
            "{place}: {to}"
        );
    }
}
