//! Making sums right again, so that mangled bytes get past them.

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// A row of frames: lengths that fit, and checksums.
pub fn frames(bytes: &mut [u8]) {
    let mut rest = bytes;
    while rest.len() >= 48 {
        let body_bytes = u32_at(rest, 32) as usize;
        if body_bytes > rest.len() - 48 {
            // The last one: as long as there is something.
            let body_bytes = (rest.len() - 48) as u32;
            rest[32..36].copy_from_slice(&body_bytes.to_le_bytes());
            if rest[6] & 1 == 0 {
                rest[36..40].copy_from_slice(&body_bytes.to_le_bytes());
            }
            return sum_frame(rest);
        }
        let (frame, after) = rest.split_at_mut(48 + body_bytes);
        sum_frame(frame);
        rest = after;
    }
}

fn sum_frame(frame: &mut [u8]) {
    let mut hash = Xxh3::new();
    hash.update(&frame[..40]);
    hash.update(&frame[48..]);
    frame[40..48].copy_from_slice(&hash.digest().to_le_bytes());
}

/// A segment of the log: the head's sum, and those of records as far as their lengths lead.
pub fn segment(bytes: &mut [u8]) {
    if bytes.len() < 88 {
        return;
    }
    let number = bytes[48..56].to_vec();
    let mut at = 88;
    while at + 40 <= bytes.len() {
        let end = at + 40 + u32_at(bytes, at + 8) as usize;
        let last = end > bytes.len();
        if last {
            let body_bytes = (bytes.len() - at - 40) as u32;
            bytes[at + 8..at + 12].copy_from_slice(&body_bytes.to_le_bytes());
        }
        let end = end.min(bytes.len());
        let place = [&number[..], &(at as u64).to_le_bytes()].concat();
        let record = &mut bytes[at..end];
        let check = xxh3_64(&[&place[..], &record[..12], &record[16..32]].concat()) as u32;
        record[12..16].copy_from_slice(&check.to_le_bytes());
        let sum = xxh3_64(&[&place[..], &record[..32], &record[40..]].concat());
        record[32..40].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
    let sum = xxh3_64(&bytes[..80]);
    bytes[80..88].copy_from_slice(&sum.to_le_bytes());
}

/// A snapshot: its lengths, if they do not fit, and its checksum.
pub fn snapshot(bytes: &mut [u8]) {
    if bytes.len() < 88 {
        return;
    }
    let rest = (bytes.len() - 88) as u64;
    let members = u64::from(u32_at(bytes, 12)).min(rest);
    bytes[12..16].copy_from_slice(&(members as u32).to_le_bytes());
    bytes[72..80].copy_from_slice(&(rest - members).to_le_bytes());
    let sum = xxh3_64(&[&bytes[..80], &bytes[88..]].concat());
    bytes[80..88].copy_from_slice(&sum.to_le_bytes());
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
