//! Files of which some bits were flipped: refused or run, and nothing else. What comes of each is not known, so
//! they are apart from the table.

use std::sync::PoisonError;

use crate::{
    entry::{Entry, Subject, check, engine, entry},
    guest::{packed, simple},
    rounds::{ALONE, watchdog},
};

const FILES: u64 = 150;

/// Numbers that look random and are the same each time (splitmix64).
fn number(seed: u64) -> u64 {
    let mut word = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[test]
fn files_with_flipped_bits_are_survived() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(flip_and_play());
}

/// Files with the flips of so many seeds, one of each form.
pub fn entries(seeds: u64) -> impl Iterator<Item = Entry> {
    let sound = [
        packed().module(),
        packed().component(),
        simple().module(),
        simple().component(),
    ];
    (1..=seeds).flat_map(move |seed| {
        let flipped = sound.iter().enumerate().map(|(form, bytes)| {
            let name = format!("form {form} with flips of seed {seed}");
            entry(&name, flip(bytes, seed), "survives", "")
        });
        flipped.collect::<Vec<_>>()
    })
}

fn flip(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for flip in 0..1 + seed % 3 {
        let random = number(seed * 1000 + flip) as usize;
        // The head is left: without it no more would be tried than that.
        let at = 8 + random % (bytes.len() - 8);
        bytes[at] ^= 1 << ((random >> 40) % 8);
    }
    bytes
}

async fn flip_and_play() {
    let (engine, watchdog) = (engine(1), watchdog());
    let mut refused = 0;
    for entry in entries(FILES) {
        watchdog.begin(&entry.name);
        let subject = Subject::load(&engine, &entry);
        let came = subject.play(&engine).await;
        check(&entry, &came).unwrap_or_else(|objection| panic!("{objection}"));
        refused += usize::from(came.what.starts_with("refused"));
    }
    watchdog.end();
    // Most flips hit a length or a type; were none refused, nothing would have been flipped.
    assert!(refused > FILES as usize, "{refused} files were refused");
}
