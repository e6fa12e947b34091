//! What the operating system says of a failure, in words for people: `permission denied`, and not
//! the name of a Rust type, an error number or the text of a library.

use std::io::{self, ErrorKind};

/// What some editors begin a file of text with (RFC 3629 section 6).
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of a file without its byte order mark, if it has one: in a secret it would be a part of it that
/// nobody sees.
pub fn without_mark(mut text: String) -> String {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.remove(0);
    }
    text
}

/// What went wrong, as the end of a sentence that names the file or address.
pub fn in_words(error: &io::Error) -> String {
    if error.raw_os_error().is_some() {
        let text = error.to_string();
        let text = text.split_once(" (os error").map_or(&*text, |(words, _)| words);
        return lower_first(text);
    }
    match error.kind() {
        ErrorKind::InvalidData | ErrorKind::InvalidInput => "it cannot be interpreted".to_owned(),
        ErrorKind::NotFound => "no such file or directory".to_owned(),
        ErrorKind::UnexpectedEof => "it ends too early".to_owned(),
        ErrorKind::BrokenPipe => "nobody reads from it".to_owned(),
        ErrorKind::NotSeekable => "it is not a file, but a pipe, a socket or a device".to_owned(),
        ErrorKind::WriteZero => "nothing more can be written".to_owned(),
        // Made by libraries, whose texts are for programmers.
        ErrorKind::Other => "input/output error".to_owned(),
        kind => kind.to_string(),
    }
}

/// As [`in_words`], of a file that is read as text.
pub fn text_in_words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::InvalidData => "it is not text in UTF-8".to_owned(),
        _ => in_words(error),
    }
}

/// `text` as the end of a sentence: `RPC` stays as it is, `No` becomes `no`.
fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain([second]).chain(characters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_text() {
        for (given, text) in
            [("\u{feff}whsec_a", "whsec_a"), ("whsec_a", "whsec_a"), ("\u{feff}", ""), ("a\u{feff}", "a\u{feff}")]
        {
            assert_eq!(without_mark(given.to_owned()), text);
        }
    }

    #[test]
    fn the_system_speaks_in_words_and_libraries_do_not_speak() {
        // EACCES, ENOENT, ENOSPC, ENOTDIR and EIO of Linux (errno(3)).
        for (number, words) in [
            (13, "permission denied"),
            (2, "no such file or directory"),
            (28, "no space left on device"),
            (20, "not a directory"),
            (5, "input/output error"),
        ] {
            assert_eq!(in_words(&io::Error::from_raw_os_error(number)), words);
        }
        let of_a_library = io::Error::other("InvalidCertificate(Expired { secret: 1 })");
        assert_eq!(in_words(&of_a_library), "input/output error");
        assert_eq!(in_words(&ErrorKind::ConnectionRefused.into()), "connection refused");
        assert_eq!(text_in_words(&ErrorKind::InvalidData.into()), "it is not text in UTF-8");
        assert_eq!(lower_first("RPC version wrong"), "RPC version wrong");
    }
}
