//! The header that names a trace and the span within it.

use std::num::{NonZeroU64, NonZeroU128};

/// Length of the header in version 00, in bytes.
const LEN: usize = 55;

/// The one flag of version 00: whoever calls records this trace.
const SAMPLED: u8 = 0x01;

/// The flag of the second edition: the trace's id is random.
const RANDOM: u8 = 0x02;

/// A `traceparent`: which trace, which span of it, and whether it is recorded.
///
/// # Source
/// W3C, "Trace Context", 2021, and its second edition for the random flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    trace_id: NonZeroU128,
    span_id: NonZeroU64,
    flags: u8,
}

impl TraceParent {
    /// A span that is not recorded.
    pub(crate) const fn new(trace_id: NonZeroU128, span_id: NonZeroU64) -> TraceParent {
        TraceParent { trace_id, span_id, flags: 0 }
    }

    /// Reads the header; `None` if it is not one, whatever the bytes are.
    ///
    /// Versions to come may add fields at the end, and are read as 00.
    pub(crate) fn parse(text: &[u8]) -> Option<TraceParent> {
        let version = hex(text.get(..2)?)?;
        let fits = match version {
            0x00 => text.len() == LEN,
            0xff => false,
            _ => text.len() == LEN || text.get(LEN) == Some(&b'-'),
        };
        let dashed = [2, 35, 52].iter().all(|at| text.get(*at) == Some(&b'-'));
        if !fits || !dashed {
            return None;
        }
        let trace_id = NonZeroU128::new(hex(text.get(3..35)?)?)?;
        let span_id = NonZeroU64::new(hex(text.get(36..52)?)? as u64)?;
        // Bits that nobody has given a meaning are not passed on.
        let flags = hex(text.get(53..55)?)? as u8 & (SAMPLED | RANDOM);
        Some(TraceParent { trace_id, span_id, flags })
    }

    /// The same with or without the flag that the trace is recorded.
    pub(crate) const fn sampled(self, sampled: bool) -> TraceParent {
        self.flag(SAMPLED, sampled)
    }

    /// The same with or without the flag that the trace's id is random.
    pub(crate) const fn random(self, random: bool) -> TraceParent {
        self.flag(RANDOM, random)
    }

    const fn flag(self, flag: u8, on: bool) -> TraceParent {
        let flags = if on { self.flags | flag } else { self.flags & !flag };
        TraceParent { flags, ..self }
    }

    pub(crate) const fn trace_id(self) -> NonZeroU128 {
        self.trace_id
    }

    pub(crate) const fn span_id(self) -> NonZeroU64 {
        self.span_id
    }

    pub(crate) const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    pub(crate) const fn is_random(self) -> bool {
        self.flags & RANDOM != 0
    }

    /// The header's value, which is ASCII.
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        let mut text = *b"00-________________________________-________________-__";
        write_hex(self.trace_id.get(), &mut text[3..35]);
        write_hex(self.span_id.get().into(), &mut text[36..52]);
        write_hex(self.flags.into(), &mut text[53..55]);
        text
    }
}

/// Lower-case digits only, as the standard has it. At most 32 of them.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |value: u128, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(value << 4 | u128::from(digit))
    })
}

fn write_hex(mut value: u128, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 0xf) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// Reads `text` and writes it again; `None` if it is refused.
    fn check(text: &[u8]) -> Option<String> {
        let bytes = TraceParent::parse(text)?.to_bytes();
        Some(String::from_utf8(bytes.to_vec()).expect("hex digits and dashes"))
    }

    #[test]
    fn what_is_read_is_written_again() {
        assert_eq!(check(GIVEN.as_bytes()).as_deref(), Some(GIVEN));
        let parsed = TraceParent::parse(GIVEN.as_bytes()).expect("it is the standard's example");
        assert!(parsed.is_sampled() && !parsed.is_random());
        assert_eq!(parsed.trace_id().get(), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(parsed.span_id().get(), 0x00f0_67aa_0ba9_02b7);
    }

    #[test]
    fn versions_to_come_are_read_and_ours_is_written() {
        let later = GIVEN.replacen("00", "cc", 1);
        assert_eq!(check(later.as_bytes()).as_deref(), Some(GIVEN));
        let longer = format!("{later}-what-the-future-brings");
        assert_eq!(check(longer.as_bytes()).as_deref(), Some(GIVEN));
    }

    #[test]
    fn flags_without_a_meaning_are_not_passed_on() {
        let all = GIVEN.replace("-01", "-ff");
        assert_eq!(check(all.as_bytes()), Some(GIVEN.replace("-01", "-03")));
    }

    #[test]
    fn whatever_is_no_header_is_refused() {
        let refused: &[&str] = &[
            "",
            "0",
            "00",
            "00-",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-äöüäöüäöüäöüäöüäöüäöüäöüäö-00f067aa0ba902b7-01-12345",
        ];
        for text in refused {
            assert_eq!(check(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn no_bytes_do_harm() {
        for at in 0..LEN {
            for byte in 0..=255 {
                let mut text = GIVEN.as_bytes().to_vec();
                text[at] = byte;
                if let Some(again) = check(&text) {
                    assert_eq!(check(again.as_bytes()), Some(again.clone()));
                }
                assert_eq!(check(&text[..at]), None);
            }
        }
    }
}
