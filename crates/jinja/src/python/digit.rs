//! Digits of all scripts, which Python reads as it reads those of ASCII.

/// First digits of the decimal digits of Unicode (category Nd), ten each.
const DECIMALS: [u32; 41] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620,
    0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x11066, 0x110f0, 0x11136,
];

/// The digit of ASCII with the value of `c`, a decimal digit of any script.
#[must_use]
pub fn decimal(c: char) -> Option<char> {
    let code = u32::from(c);
    let value = if (0x1d7ce..=0x1d7ff).contains(&code) {
        (code - 0x1d7ce) % 10
    } else {
        code - DECIMALS.iter().find(|first| (**first..**first + 10).contains(&code))?
    };
    debug_assert!(value < 10, "ten digits stand side by side in every script");
    char::from_digit(value, 10)
}

/// Whether Python's `str.isdigit` holds for `c`; it holds for digits that are raised or circled too.
#[must_use]
pub fn is_digit(c: char) -> bool {
    decimal(c).is_some()
        || matches!(c, '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' | '₀'..='₉' | '①'..='⑨' | '⑴'..='⑼' | '⒈'..='⒐')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_script_have_the_value_of_one_of_ascii() {
        for (given, ascii) in
            [('0', '0'), ('9', '9'), ('٣', '3'), ('९', '9'), ('７', '7'), ('𝟘', '0'), ('𝟿', '9'), ('𑄿', '9')]
        {
            assert_eq!(decimal(given), Some(ascii), "{given}");
            assert!(is_digit(given), "{given}");
        }
        for other in ['a', '/', ':', '½', 'Ⅷ', '一', '٪'] {
            assert_eq!(decimal(other), None, "{other}");
            assert!(!is_digit(other), "{other}");
        }
        for raised in ['²', '⁰', '₉', '①', '⒈'] {
            assert_eq!(decimal(raised), None, "{raised}");
            assert!(is_digit(raised), "{raised}");
        }
    }
}
