//! How text looks on a terminal (ECMA-48, "select graphic rendition"). Commands and the log paint with these alone.
//!
//! The colours are of the 256 that no theme redefines, each about as light as the middle between white and black, so that
//! it can be read on both. Those that a theme chooses are not: the usual yellow and green vanish on white.

use std::fmt::Display;

/// How a piece of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Headings.
    Bold,
    /// What one may skip.
    Dim,
    /// What went well.
    Green,
    /// What went wrong.
    Red,
    /// What needs a look.
    Yellow,
    /// Names and places.
    Cyan,
}

impl Style {
    /// Its place among the 256 colours; bold has the colour of other text.
    pub const fn colour(self) -> Option<u8> {
        match self {
            Self::Bold => None,
            Self::Dim => Some(243),
            Self::Green => Some(28),
            Self::Red => Some(160),
            Self::Yellow => Some(130),
            Self::Cyan => Some(30),
        }
    }

    /// `text` in this style, and what follows as it was.
    pub fn paint(self, text: impl Display) -> String {
        format!("{}{text}\u{1b}[0m", self.begin())
    }

    /// The sequence that text in this style begins with.
    pub fn begin(self) -> String {
        self.colour().map_or("\u{1b}[1m".to_owned(), |place| format!("\u{1b}[38;5;{place}m"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least contrast: WCAG asks for 3 of what is large or bold, and for 4.5 of other text; the middle has 4.58 on
    /// both sides, and red among the 256 comes no nearer to it.
    const CONTRAST_MIN: f64 = 3.8;
    const ALL: [Style; 6] = [Style::Bold, Style::Dim, Style::Green, Style::Red, Style::Yellow, Style::Cyan];

    /// Relative luminance of a colour of xterm's cube or row of greys (WCAG 2.2).
    fn luminance(place: u8) -> f64 {
        let step = |level: u8| if level == 0 { 0 } else { 55 + 40 * level };
        let levels = match place {
            232.. => [8 + 10 * (place - 232); 3],
            _ => [step((place - 16) / 36), step((place - 16) / 6 % 6), step((place - 16) % 6)],
        };
        let linear = levels.map(|level| {
            let part = f64::from(level) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn every_colour_can_be_read_on_white_and_on_black() {
        for style in ALL {
            // The first 16 are the theme's.
            let Some(place) = style.colour().filter(|place| *place >= 16) else {
                assert_eq!(style, Style::Bold);
                continue;
            };
            let (white, black) = (1.05 / (luminance(place) + 0.05), (luminance(place) + 0.05) / 0.05);
            assert!(white.min(black) >= CONTRAST_MIN, "{style:?}: {white:.2} on white, {black:.2} on black");
        }
    }

    #[test]
    fn painted_text_ends_its_style() {
        assert_eq!(Style::Bold.paint("x"), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(Style::Red.paint("x"), "\u{1b}[38;5;160mx\u{1b}[0m");
    }
}
