//! Where the body of an HTTP/1.1 answer ends, and what of the incoming bytes belongs to it.

use super::line::{self, Line};

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// After the last chunk (RFC 9112 section 7.1).
    Chunked,
    /// When the receiver closes.
    UntilClose,
    /// Not at all: what has come with the head is all that is taken.
    Unknown,
}

/// What comes next of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many of the first bytes belong to the body.
    Data(usize),
    /// So many of the first bytes are framing.
    Skip(usize),
    /// More bytes are needed.
    More,
    /// The body is whole.
    End,
    /// The chunks make no sense, so nobody knows where the body ends.
    Broken,
}

/// A body as it comes in.
#[derive(Debug)]
pub(super) enum Body {
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    Unknown,
}

/// Where in its chunks a body is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chunks {
    /// Before a line with a size.
    Size,
    /// With so many bytes of a chunk to come.
    Data(u64),
    /// Before the line end after a chunk.
    DataEnd,
    /// After the last chunk: trailers, up to an empty line.
    Trailers,
    Over,
}

impl Body {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(Chunks::Size),
            Framing::UntilClose => Self::UntilClose,
            Framing::Unknown => Self::Unknown,
        }
    }

    /// Whether the receiver ends it by closing.
    pub(super) fn ends_by_closing(&self) -> bool {
        matches!(self, Self::UntilClose)
    }

    /// What to do with `input`, the next bytes that came in.
    pub(super) fn step(&mut self, input: &[u8]) -> Step {
        match self {
            Self::Length(0) => Step::End,
            Self::Length(left) => take(left, input),
            Self::Chunks(chunks) => chunks.step(input),
            Self::Unknown if input.is_empty() => Step::End,
            Self::UntilClose if input.is_empty() => Step::More,
            Self::UntilClose | Self::Unknown => Step::Data(input.len()),
        }
    }
}

/// As much of `input` as there is to come.
fn take(left: &mut u64, input: &[u8]) -> Step {
    if input.is_empty() {
        return Step::More;
    }
    let taken = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
    assert!(taken as u64 <= *left, "{taken} bytes of a body are taken, of which {left} are to come");
    assert!(taken > 0, "a step that takes nothing of {} bytes is made again for ever", input.len());
    *left -= taken as u64;
    Step::Data(taken)
}

impl Chunks {
    fn step(&mut self, input: &[u8]) -> Step {
        match self {
            Self::Over => Step::End,
            Self::Data(0) => {
                *self = Self::DataEnd;
                self.step(input)
            }
            Self::Data(left) => take(left, input),
            Self::Size | Self::DataEnd | Self::Trailers => match line::first(input) {
                Line::Whole { text, bytes } => self.take_line(&input[text], bytes),
                Line::Cut { .. } => Step::Broken,
                Line::Part => Step::More,
            },
        }
    }

    fn take_line(&mut self, line: &[u8], bytes: usize) -> Step {
        *self = match *self {
            Self::Size => match size(line) {
                Some(0) => Self::Trailers,
                Some(size) => Self::Data(size),
                None => return Step::Broken,
            },
            Self::DataEnd if line.is_empty() => Self::Size,
            Self::DataEnd => return Step::Broken,
            Self::Trailers if line.is_empty() => Self::Over,
            other => other,
        };
        debug_assert!(bytes > line.len(), "a line has an end, so skipping it gets on");
        Step::Skip(bytes)
    }
}

/// The size at the start of a chunk; extensions after it are ignored.
fn size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u64::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The body within `input`, whether its end was found, and what is left.
    fn read(framing: Framing, input: &[u8]) -> (Vec<u8>, Step, usize) {
        let (mut body, mut found, mut rest) = (Body::new(framing), Vec::new(), input);
        loop {
            match body.step(rest) {
                Step::Data(bytes) => {
                    found.extend_from_slice(&rest[..bytes]);
                    rest = &rest[bytes..];
                }
                Step::Skip(bytes) => rest = &rest[bytes..],
                end => return (found, end, rest.len()),
            }
        }
    }

    #[test]
    fn a_length_is_counted_down() {
        assert_eq!(read(Framing::Length(3), b"abcde"), (b"abc".to_vec(), Step::End, 2));
        assert_eq!(read(Framing::Length(3), b"ab"), (b"ab".to_vec(), Step::More, 0));
        assert_eq!(read(Framing::Length(0), b"ab"), (vec![], Step::End, 2));
    }

    #[test]
    fn chunks_are_put_together_with_extensions_and_trailers_left_out() {
        let input = b"3;x=\"y\"\r\nfoo\r\n0A \r\n0123456789\r\n0\r\nX-T: 1\r\n\r\nrest";
        assert_eq!(read(Framing::Chunked, input), (b"foo0123456789".to_vec(), Step::End, 4));
        assert_eq!(read(Framing::Chunked, b"3\nfoo\n0\n\n"), (b"foo".to_vec(), Step::End, 0));
        assert_eq!(read(Framing::Chunked, b"3\r\nfo"), (b"fo".to_vec(), Step::More, 0));
    }

    #[test]
    fn chunks_that_make_no_sense_are_broken() {
        for bad in [&b"x\r\n"[..], b"\r\n", b"-1\r\n", b"fffffffffffffffff\r\n", b"1\r\nab\r\n"] {
            assert_eq!(read(Framing::Chunked, bad).1, Step::Broken, "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn without_a_length_it_goes_on_until_the_end_or_as_far_as_it_came() {
        assert_eq!(read(Framing::UntilClose, b"abc"), (b"abc".to_vec(), Step::More, 0));
        assert_eq!(read(Framing::Unknown, b"abc"), (b"abc".to_vec(), Step::End, 0));
    }

    /// A chunk: its size in hexadecimal with an extension, and its bytes.
    fn chunks() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        let chunk = (prop::collection::vec(any::<u8>(), 1..40), "(;[a-z]{0,3})?", any::<bool>());
        prop::collection::vec(chunk, 0..5).prop_map(|chunks| {
            let (mut sent, mut whole) = (Vec::new(), Vec::new());
            for (data, extension, carriage) in chunks {
                let end = if carriage { "\r\n" } else { "\n" };
                sent.extend_from_slice(format!("{:x}{extension}{end}", data.len()).as_bytes());
                sent.extend_from_slice(&data);
                sent.extend_from_slice(end.as_bytes());
                whole.extend_from_slice(&data);
            }
            sent.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
            (sent, whole)
        })
    }

    /// The body within `input` when it comes in pieces that end at these places.
    fn read_in_pieces(framing: Framing, input: &[u8], cuts: &[usize]) -> (Vec<u8>, Step) {
        let (mut body, mut found, mut waiting) = (Body::new(framing), Vec::new(), Vec::new());
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).chain([input.len()]).collect();
        ends.sort_unstable();
        let mut came = 0;
        for end in ends {
            waiting.extend_from_slice(&input[came..end]);
            came = end;
            loop {
                match body.step(&waiting) {
                    Step::Data(bytes) => found.extend(waiting.drain(..bytes)),
                    Step::Skip(bytes) => drop(waiting.drain(..bytes)),
                    Step::More => break,
                    ended => return (found, ended),
                }
            }
        }
        (found, Step::More)
    }

    proptest! {
        #[test]
        fn a_chunked_body_is_the_same_however_it_is_cut(
            (sent, whole) in chunks(), cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            prop_assert_eq!(read_in_pieces(Framing::Chunked, &sent, &cuts), (whole, Step::End));
        }

        #[test]
        fn a_body_of_a_length_ends_after_it(
            sent in prop::collection::vec(any::<u8>(), 0..60), length in 0u64..80,
            cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let (found, end) = read_in_pieces(Framing::Length(length), &sent, &cuts);
            let whole = sent.len() as u64 >= length;
            prop_assert_eq!(end, if whole { Step::End } else { Step::More });
            prop_assert_eq!(&found[..], &sent[..sent.len().min(length as usize)]);
        }

        #[test]
        fn bytes_of_any_kind_are_read_to_an_end(
            sent in prop::collection::vec(prop::sample::select(&b"0123af;\r\n x"[..]), 0..80),
            cuts in prop::collection::vec(any::<usize>(), 0..6),
        ) {
            let at_once = read_in_pieces(Framing::Chunked, &sent, &[]);
            prop_assert_eq!(read_in_pieces(Framing::Chunked, &sent, &cuts), at_once, "{}", sent.escape_ascii());
        }
    }
}
