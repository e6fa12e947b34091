//! Chance: where identifiers, jitter and secrets get theirs.

use std::fmt::Debug;

use rand::TryRngCore;
use rand::rngs::OsRng;

/// A source of chance. The simulation passes a seeded one.
pub trait Entropy: Debug + Send + Sync + 'static {
    /// Fills `bytes` with chance.
    fn fill(&self, bytes: &mut [u8]);

    /// A number from 0 (included) to 1 (excluded), evenly spread.
    fn unit(&self) -> f64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        // 53 bits are what a double can hold exactly.
        (u64::from_be_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The operating system's source of chance, fit for secrets.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        OsRng.try_fill_bytes(bytes).expect("the operating system's random source answers once the machine has booted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unit_is_at_least_zero_and_below_one() {
        #[derive(Debug)]
        struct Constant(u8);
        impl Entropy for Constant {
            fn fill(&self, bytes: &mut [u8]) {
                bytes.fill(self.0);
            }
        }
        assert_eq!(Constant(0).unit(), 0.0);
        assert!(Constant(255).unit() < 1.0);
        assert!((0..100).all(|_| (0.0..1.0).contains(&OsEntropy.unit())));
    }
}
