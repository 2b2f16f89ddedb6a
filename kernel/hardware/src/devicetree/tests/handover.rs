//! Trees that are handed on.

use super::*;

const ARCHIVE: PhysRange = PhysRange::new(0x4123_4000, 0x4123_5678);

/// Hands `tree` over with room for more.
fn handed_over(tree: &[u8], bootargs: &str, archive: Option<PhysRange>) -> Vec<u8> {
    let mut buffer = std::vec![0xee; tree.len() + 4096];
    let length = hand_over(&mut buffer, tree, bootargs, archive).unwrap();
    buffer.truncate(length);
    buffer
}

/// What `chosen` doesn't hold, which must be the same before and after.
fn check(tree: &[u8]) {
    let long = "log=debug ".repeat(40);
    let mut handed = tree.to_vec();
    for (bootargs, archive) in [
        ("push", None),
        (long.trim_end(), Some(ARCHIVE)),
        ("", None),
        ("ktest", Some(ARCHIVE)),
    ] {
        handed = handed_over(&handed, bootargs, archive);
        let (before, after) = (describe(tree).unwrap(), describe(&handed).unwrap());
        assert_eq!((after.bootargs, after.initrd), (bootargs, archive));
        let parts = |found: &Description<'_>| {
            let lists = (list(&found.ram), list(&found.reserved), list(&found.no_map));
            let devices = (found.console, found.interrupts, found.mailbox, found.watchdog);
            (lists, devices, found.cpus.clone(), found.psci, found.clock)
        };
        assert_eq!(parts(&before), parts(&after));
    }
    assert!(handed.len() < tree.len() + 1024, "nothing grows with each time");
}

#[test]
fn command_line_and_archive_are_replaced_and_nothing_else() {
    check(&blob(virt()));
}

#[test]
fn what_was_not_there_is_added() {
    let mut root = virt();
    root.remove_child("chosen");
    root.add_child(node("chosen", [is("stdout-path", "/pl011@9000000")], []));
    check(&blob(root));
}

#[test]
fn a_tree_without_chosen_is_refused() {
    let mut root = virt();
    root.remove_child("chosen");
    let tree = blob(root);
    let mut buffer = std::vec![0; 2 * tree.len()];
    assert_eq!(
        hand_over(&mut buffer, &tree, "", None),
        Err(HandoverError::NoChosen)
    );
}

#[test]
fn without_room_nothing_is_handed_over() {
    let tree = blob(virt());
    let words = "w".repeat(100);
    for room in [0, tree.len() - 1, tree.len()] {
        let mut buffer = std::vec![0; room];
        assert_eq!(
            hand_over(&mut buffer, &tree, &words, None),
            Err(HandoverError::NoRoom)
        );
    }
}

#[test]
#[ignore = "reads the trees of Linux, which `cargo xtask test` fetches"]
fn the_real_tree_of_each_board_is_handed_over() {
    for file in [
        "bcm2837-rpi-3-b.dtb",
        "bcm2711-rpi-4-b.dtb",
        "bcm2712-rpi-5-b.dtb",
    ] {
        check(&boards::real(file));
    }
}
