//! PEM as people paste it (RFC 7468, read forgivingly).
//!
//! Certificates come out of chat messages, YAML and JSON: indented, on one line, with line breaks
//! written as `\n`, with text around. All of that is read. What cannot be read is refused in one
//! sentence that shows nothing of it, for it may be a private key.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
/// Digits of a character that JSON writes out as `\u000a` (RFC 8259 section 7).
const ESCAPE_DIGITS: usize = 4;

/// Base64 whose padding may have been lost in a copy.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// One section: what its first line calls it, and what it holds.
pub(crate) struct Section<'a> {
    /// Such as `CERTIFICATE`.
    pub(crate) label: &'a str,
    /// Its bytes; `None` when it is encrypted.
    pub(crate) bytes: Option<Vec<u8>>,
}

impl Section<'_> {
    /// Whether it is a certificate.
    pub(crate) fn is_certificate(&self) -> bool {
        matches!(self.label, "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE")
    }

    /// Whether it is a private key.
    pub(crate) fn is_key(&self) -> bool {
        self.label.ends_with("PRIVATE KEY")
    }
}

/// Why a text cannot be read; it holds nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PemError {
    /// A section does not end.
    NoEnd,
    /// A section holds something else than base64.
    NotBase64,
}

impl PemError {
    /// What is wrong and what to do, to follow the name of the field.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NoEnd => {
                "is not PEM: a section has no line -----END …-----; paste the file as it is, with both lines of dashes"
            }
            Self::NotBase64 => {
                "is not PEM: between its lines of dashes there is something else than base64; paste the file as it is"
            }
        }
    }
}

/// Every section of `text`; what stands around them is skipped.
///
/// # Errors
/// When a section has no end or does not decode.
pub(crate) fn sections(text: &str) -> Result<Vec<Section<'_>>, PemError> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some(begin) = rest.find(BEGIN) {
        let after = &rest[begin + BEGIN.len()..];
        let (label, after) = after.split_once(DASHES).ok_or(PemError::NoEnd)?;
        let end = after.find(END).ok_or(PemError::NoEnd)?;
        let (content, after) = after.split_at(end);
        // The line that ends it: all of it if it is whole, else only its beginning.
        let after = &after[END.len()..];
        rest = after.split_once(DASHES).ok_or(PemError::NoEnd)?.1;
        // A second beginning before the end: the first was cut off.
        if content.contains(BEGIN) {
            return Err(PemError::NoEnd);
        }
        let label = label.trim();
        let bytes = if label.starts_with("ENCRYPTED") { None } else { decode(content)? };
        found.push(Section { label, bytes });
    }
    Ok(found)
}

/// The bytes of a section; `None` when a header says that they are encrypted (RFC 1421 section
/// 4.6.1.1, as OpenSSL writes it).
fn decode(content: &str) -> Result<Option<Vec<u8>>, PemError> {
    if content.contains("ENCRYPTED") {
        return Ok(None);
    }
    let (mut base64, mut chars) = (String::with_capacity(content.len()), content.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            // A line break or another character that was written out, as in JSON.
            '\\' if chars.next_if_eq(&'u').is_some() => {
                let digits: String = chars.by_ref().take(ESCAPE_DIGITS).collect();
                let written = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).unwrap_or('\\');
                base64.extend(Some(written).filter(|c| !c.is_whitespace()));
            }
            '\\' => {
                chars.next_if(|next| matches!(next, 'n' | 'r' | 't'));
            }
            // Blanks of every kind, what quoted lines are joined with, and what mail puts before them.
            '\u{feff}' | '\u{200b}' | '"' | '\'' | ',' | '>' => {}
            c if c.is_whitespace() => {}
            c => base64.push(c),
        }
    }
    BASE64.decode(base64.trim_end_matches('=')).map(Some).map_err(|_| PemError::NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAQIDBAUG\nBwgJCg==\n-----END CERTIFICATE-----\n";
    const BYTES: [u8; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

    fn read(text: &str) -> Result<Vec<(String, Vec<u8>)>, PemError> {
        let section = |section: Section<'_>| (section.label.to_owned(), section.bytes.unwrap_or_default());
        Ok(sections(text)?.into_iter().map(section).collect())
    }

    #[test]
    fn pem_is_read_as_people_paste_it() {
        let forms = [
            PEM.to_owned(),
            PEM.replace('\n', "\r\n"),
            PEM.replace('\n', "\r"),
            PEM.replace('\n', "\\n"),
            PEM.replace('\n', "\\r\\n"),
            PEM.replace('\n', " "),
            PEM.replace('\n', ""),
            PEM.replace('\n', "  \n\t"),
            PEM.replace('\n', "\n\n"),
            PEM.trim_end().to_owned(),
            format!("\u{feff}{PEM}"),
            format!("  {}", PEM.replace('\n', "\n    ")),
            format!("subject=CN = x\nissuer=CN = y\n{PEM}\nBag Attributes\n    localKeyID: 01\n"),
            format!("\"{}\"", PEM.replace('\n', "\\n")),
            PEM.replace("==", ""),
            PEM.replace('\n', "\u{a0}\n"),
            PEM.replace('\n', "\\u000a"),
            PEM.replace('\n', "\\n").replace('=', "\\u003d").replace('Q', "\\u0051"),
            PEM.replace('\n', "\n> "),
        ];
        for form in forms {
            assert_eq!(read(&form), Ok(vec![("CERTIFICATE".to_owned(), BYTES.to_vec())]), "{form:?}");
        }
        let broken = PEM.replace('Q', "\\u00");
        assert_eq!(read(&broken), Err(PemError::NotBase64));
        assert_eq!(read(&format!("{PEM}{PEM}")).unwrap().len(), 2);
        assert_eq!(read(&PEM.repeat(2).replace('\n', "")).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_pem_is_refused_or_empty() {
        assert_eq!(read("hello"), Ok(vec![]));
        assert_eq!(read(""), Ok(vec![]));
        let cases = [
            (PEM.replace("-----END CERTIFICATE-----", ""), PemError::NoEnd),
            (PEM.replace("CERTIFICATE-----\n", "CERTIFICATE"), PemError::NoEnd),
            (PEM.replace("-----END CERTIFICATE-----", "") + PEM, PemError::NoEnd),
            (PEM.replace("AQID", "!QID"), PemError::NotBase64),
            (PEM.replace("AQID", "A=ID"), PemError::NotBase64),
        ];
        for (text, error) in cases {
            assert_eq!(read(&text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn an_encrypted_section_has_no_bytes() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES,00\n\nAQID\n-----END RSA PRIVATE KEY-----";
        let sections = sections(text).unwrap();
        assert!(sections[0].is_key() && sections[0].bytes.is_none());
    }
}
