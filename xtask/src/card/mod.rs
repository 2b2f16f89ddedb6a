//! A card for a Raspberry Pi: what is on it, how it is laid out, and whether a finished one is as it should be.

mod board;
mod disk;
mod files;
mod lint;

pub(crate) use board::{Board, CONFIG, KERNEL, PROGRAM};
pub(crate) use disk::{START, image, read};
pub(crate) use files::{Load, files};
pub(crate) use lint::lint;

/// A file in the card's only folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) contents: Vec<u8>,
}

impl File {
    /// A file.
    pub(crate) fn new(name: impl Into<String>, contents: impl Into<Vec<u8>>) -> Self {
        File {
            name: name.into(),
            contents: contents.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Contents;

    /// A card that is as it should be.
    pub(super) fn files(board: Board) -> Vec<File> {
        let mut kernel = vec![0; 4096];
        kernel[56..60].copy_from_slice(b"ARM\x64");
        let mut files = vec![
            File::new(CONFIG, board.config(&Load::Program(Contents::default()))),
            File::new(KERNEL, kernel),
            File::new(PROGRAM, b"070701".repeat(20)),
        ];
        for &name in board.firmware() {
            files.push(File::new(name, name.as_bytes()));
        }
        for &name in board.trees() {
            files.push(File::new(name, b"\xd0\x0d\xfe\xed tree"));
        }
        files
    }

    #[test]
    fn a_card_is_the_same_each_time() {
        let files = files(Board::Rpi3);
        let card = image(&files).unwrap();
        assert!(image(&files).unwrap() == card);
        lint(&card, Board::Rpi3, &files).unwrap();
    }

    #[test]
    fn a_damaged_card_is_found() {
        let files = files(Board::Rpi3);
        let good = image(&files).unwrap();
        // The partition's kind; its table's signature; a byte of the last file.
        let last = good.iter().rposition(|&byte| byte != 0).unwrap();
        for at in [0x1be + 4, 511, last] {
            let mut card = good.clone();
            card[at] ^= 1;
            assert!(lint(&card, Board::Rpi3, &files).is_err(), "{at:#x}");
        }
    }

    #[test]
    fn a_card_without_what_its_board_needs_is_found() {
        for board in [Board::Rpi3, Board::Rpi4, Board::Rpi5] {
            let whole = files(board);
            lint::complete(&whole, board).unwrap();
            for missing in 0..whole.len() {
                let mut files = whole.clone();
                let name = files.remove(missing).name;
                assert!(lint::complete(&files, board).is_err(), "{name}");
            }
        }
    }

    #[test]
    fn a_card_with_neither_program_nor_loader_is_found() {
        let board = Board::Rpi4;
        let mut files = files(board);
        files.retain(|file| file.name != PROGRAM);
        assert!(lint::complete(&files, board).is_err());
        files[0] = File::new(CONFIG, board.config(&Load::Loader));
        assert!(lint::complete(&files, board).is_err());
        files.push(File::new("cmdline.txt", b"log=info\n"));
        assert!(lint::complete(&files, board).is_err());
        files.last_mut().unwrap().contents = b"push log=info\n".to_vec();
        lint::complete(&files, board).unwrap();
    }

    #[test]
    fn a_key_that_no_firmware_knows_is_found() {
        let mut files = files(Board::Rpi4);
        files[0].contents.extend(b"enable_urat=1\n");
        let error = lint::complete(&files, Board::Rpi4).unwrap_err().to_string();
        assert!(error.contains("enable_urat"), "{error}");
    }
}
