//! The functions of real analysis, the same to the last bit on every machine.
//!
//! The platform's own (`f64::ln` and the like) differ between C libraries, and
//! a difference in the last bit is enough to make two replays part ways.

pub use libm::{exp, log as ln, pow, sqrt};

#[cfg(test)]
mod tests {
    #[test]
    fn last_bits_stay_as_they_are() {
        assert_eq!(super::ln(10.0).to_bits(), 0x4002_6BB1_BBB5_5516);
        // One more than the nearest double to e: same everywhere is the promise,
        // not nearest.
        assert_eq!(super::exp(1.0).to_bits(), 0x4005_BF0A_8B14_576A);
        assert_eq!(super::sqrt(2.0).to_bits(), 0x3FF6_A09E_667F_3BCD);
        assert_eq!(super::pow(2.0, 0.5).to_bits(), 0x3FF6_A09E_667F_3BCD);
    }
}
