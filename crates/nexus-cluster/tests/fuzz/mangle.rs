//! Making odd inputs of good ones.

use nexus_base::{Ratio, Rng};

/// Changes made to one input, at most.
const CHANGES_MAX: u64 = 6;

/// Bytes copied or removed at once, at most.
const PIECE_BYTES_MAX: u64 = 64;

/// Values at which decoders are wrong, if anywhere.
const ODD: [&[u8]; 9] = [
    &[0],
    &[1],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff; 4],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0; 8],
    // The largest number, as postcard writes it.
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
];

/// One of `inputs`, with some changes.
pub fn mangle(inputs: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = pick(inputs, rng).clone();
    if rng.chance(Ratio::new(1, 20)) {
        return (0..rng.below(200)).map(|_| rng.next_u64() as u8).collect();
    }
    for _ in 0..rng.below(CHANGES_MAX + 1) {
        change(&mut bytes, inputs, rng);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, inputs: &[Vec<u8>], rng: &mut Rng) {
    let at = place(bytes, rng);
    let piece = at..bytes.len().min(at + rng.below(PIECE_BYTES_MAX) as usize);
    match rng.below(8) {
        0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << rng.below(8)),
        1 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = rng.next_u64() as u8),
        2 | 3 => {
            let odd = pick(&ODD, rng);
            let end = bytes.len().min(at + odd.len());
            let until = if rng.chance(Ratio::new(1, 4)) { at } else { end };
            bytes.splice(at..until, odd.iter().copied());
        }
        4 => drop(bytes.drain(piece)),
        5 => {
            let copy = bytes[piece].to_vec();
            let to = place(bytes, rng);
            bytes.splice(to..to, copy);
        }
        6 => bytes.truncate(at),
        _ => {
            let other = pick(inputs, rng);
            let from = place(other, rng);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
    }
}

fn pick<'a, T>(of: &'a [T], rng: &mut Rng) -> &'a T {
    &of[rng.below(of.len() as u64) as usize]
}

fn place(bytes: &[u8], rng: &mut Rng) -> usize {
    rng.below(bytes.len() as u64 + 1) as usize
}
