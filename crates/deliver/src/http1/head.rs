//! Reads the head of an HTTP/1.1 answer, forgivingly.
//!
//! The status decides what becomes of an event, so nothing after the status line makes an
//! answer unusable: a line that is no header is left out, and what was odd is noted for the
//! webhook's owner. After anything odd the connection is not used again, so a head that we read
//! otherwise than its sender meant it cannot spill into the next answer.

use tenterhook_model::{Header, limits};

use super::body::Framing;
use crate::notes::Notes;

/// Bytes of a head, interim answers and all, after which no end is expected of it.
pub(super) const HEAD_BYTES: usize = limits::ANSWER_HEAD_BYTES;

/// The head of an answer, line by line.
#[derive(Debug, Default)]
pub(super) struct Head {
    status: Option<u16>,
    /// HTTP/1.1, whose connections stay open unless a header says otherwise (RFC 9112 section 9.3).
    stays_open: bool,
    /// The headers that are kept, in order.
    pub(super) headers: Vec<Header>,
    kept_bytes: usize,
    /// The header that a folded line belongs to.
    last: Last,
    lengths: Vec<Option<u64>>,
    encoding: Option<Encoding>,
    says_close: bool,
    says_keep_alive: bool,
}

/// What became of the header line before.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Last {
    #[default]
    None,
    Kept,
    LeftOut,
}

/// What Transfer-Encoding says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Chunked,
    Other,
}

/// The first line is not the status line of HTTP/1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotHttp;

impl Head {
    /// Takes a line without its end; true when it ends the head. Empty lines before the status
    /// line are skipped (RFC 9112 section 2.2 has it of requests).
    pub(super) fn take(&mut self, line: &[u8], notes: &mut Notes) -> Result<bool, NotHttp> {
        match (self.status, line) {
            (None, []) => {
                notes.add("there were empty lines before the status line");
                Ok(false)
            }
            (None, line) => self.take_status_line(line, notes).map(|()| false),
            (Some(_), []) => Ok(true),
            (Some(_), [b' ' | b'\t', ..]) => {
                self.take_fold(line.trim_ascii(), notes);
                Ok(false)
            }
            (Some(_), line) => {
                self.take_header(line, notes);
                Ok(false)
            }
        }
    }

    /// The status, once its line is read.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    fn take_status_line(&mut self, line: &[u8], notes: &mut Notes) -> Result<(), NotHttp> {
        let rest = line.strip_prefix(b"HTTP/").ok_or(NotHttp)?;
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).ok_or(NotHttp)?;
        let (version, rest) = rest.split_at(end);
        if version.is_empty() || !version.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
            return Err(NotHttp);
        }
        let rest = rest.trim_ascii_start();
        let (digits, rest) = rest.split_at_checked(3).ok_or(NotHttp)?;
        let follows = rest.first().is_some_and(u8::is_ascii_digit);
        let status = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(NotHttp)?;
        if !(100..=999).contains(&status) || follows || !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotHttp);
        }
        if rest.first().is_some_and(|byte| !matches!(byte, b' ' | b'\t')) {
            notes.add("there is no blank after the status");
        }
        self.status = Some(status);
        self.stays_open = version == b"1.1";
        Ok(())
    }

    fn take_header(&mut self, line: &[u8], notes: &mut Notes) {
        self.last = Last::LeftOut;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            notes.add("a header line without a colon was left out");
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.last().is_some_and(u8::is_ascii_whitespace) {
            notes.add("a header has a blank before its colon");
        }
        let name = name.trim_ascii_end();
        let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
        let Some(name) = std::str::from_utf8(name).ok().filter(|name| name.bytes().all(|byte| is_token(&byte))) else {
            notes.add("a header with characters in its name that none may have was left out");
            return;
        };
        if name.is_empty() {
            notes.add("a header without a name was left out");
            return;
        }
        self.heed(name, value, notes);
        self.keep(name, value, notes);
    }

    /// Notes what a header says of the connection and the body.
    fn heed(&mut self, name: &str, value: &[u8], notes: &mut Notes) {
        let items = || value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        if name.eq_ignore_ascii_case("content-length") {
            self.lengths.extend(items().map(length));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            let last = items().next_back().unwrap_or_default();
            let is_chunked = last.eq_ignore_ascii_case(b"chunked");
            self.encoding = Some(if is_chunked { Encoding::Chunked } else { Encoding::Other });
            if !is_chunked {
                notes.add("the transfer encoding is not chunked");
            }
        } else if name.eq_ignore_ascii_case("connection") {
            self.says_close |= items().any(|item| item.eq_ignore_ascii_case(b"close"));
            self.says_keep_alive |= items().any(|item| item.eq_ignore_ascii_case(b"keep-alive"));
        }
    }

    /// Keeps a header to be shown, within the limits of the headers of a request.
    fn keep(&mut self, name: &str, value: &[u8], notes: &mut Notes) {
        let value = shown(value, notes);
        let bytes = name.len() + value.len();
        if self.headers.len() >= limits::HEADERS || self.kept_bytes + bytes > limits::HEADERS_BYTES {
            return;
        }
        self.kept_bytes += bytes;
        debug_assert!(self.kept_bytes <= limits::HEADERS_BYTES, "{} bytes of headers are kept", self.kept_bytes);
        self.headers.push(Header::new(name.to_owned(), value));
        self.last = Last::Kept;
    }

    /// A folded line goes on with the value before it, after a blank (RFC 9112 section 5.2).
    fn take_fold(&mut self, text: &[u8], notes: &mut Notes) {
        notes.add("a header was folded over several lines");
        let Some(header) = self.headers.last_mut().filter(|_| self.last == Last::Kept) else { return };
        let text = shown(text, notes);
        if !text.is_empty() && self.kept_bytes + 1 + text.len() <= limits::HEADERS_BYTES {
            self.kept_bytes += 1 + text.len();
            let name = header.name.clone();
            *header = Header::new(name, format!("{} {text}", header.value));
        }
    }

    /// How the body ends (RFC 9112 section 6.3), and whether the connection may be used again
    /// after it.
    pub(super) fn framing(&self, notes: &mut Notes) -> (Framing, bool) {
        let status = self.status.expect("a head ends after its status line");
        let framing = self.body_of(status, notes);
        let stays_open = (self.stays_open || self.says_keep_alive) && !self.says_close;
        debug_assert!((100..=999).contains(&status), "a status line with {status} is none");
        (framing, stays_open && framing != Framing::UntilClose && self.encoding != Some(Encoding::Other))
    }

    fn body_of(&self, status: u16, notes: &mut Notes) -> Framing {
        let (has_length, is_encoded) = (!self.lengths.is_empty(), self.encoding.is_some());
        if matches!(status, 100..=199 | 204 | 304) {
            return Framing::Length(0);
        }
        if has_length && is_encoded {
            notes.add("it has both Content-Length and Transfer-Encoding");
        }
        if self.encoding == Some(Encoding::Chunked) {
            return Framing::Chunked;
        }
        if !has_length {
            let is_empty = status == 205 && !is_encoded;
            return if is_empty { Framing::Length(0) } else { Framing::UntilClose };
        }
        let first = self.lengths[0];
        if first.is_none() || self.lengths.iter().any(|length| *length != first) {
            notes.add("its Content-Length is not one number");
        }
        // The smallest is there in any case; with none, what came with the head is all.
        self.lengths.iter().flatten().min().map_or(Framing::Unknown, |length| Framing::Length(*length))
    }
}

/// One number of Content-Length.
fn length(text: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(text).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// A value as text; what is no text, and control characters, are replaced.
fn shown(value: &[u8], notes: &mut Notes) -> String {
    let text = String::from_utf8_lossy(value);
    if !text.contains(|c: char| c.is_control() && c != '\t') {
        return text.into_owned();
    }
    notes.add("a header has control characters, which are shown as \u{fffd}");
    text.chars().map(|c| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&[u8]]) -> Result<(Head, Notes), NotHttp> {
        let (mut head, mut notes) = (Head::default(), Notes::default());
        for line in lines {
            head.take(line, &mut notes)?;
        }
        Ok((head, notes))
    }

    fn framing(lines: &[&[u8]]) -> (Framing, bool, String) {
        let (head, mut notes) = read(lines).unwrap();
        let (framing, stays_open) = head.framing(&mut notes);
        (framing, stays_open, notes.text())
    }

    #[test]
    fn a_status_line_needs_a_version_and_three_digits() {
        for good in
            ["HTTP/1.1 204", "HTTP/1.1 204 ", "HTTP/1.0\t204 No Content", "HTTP/1.1  204 \u{fc}\0", "HTTP/2 204 x"]
        {
            assert_eq!(read(&[good.as_bytes()]).unwrap().0.status(), Some(204), "{good:?}");
        }
        for bad in [
            "HTTP/1.1",
            "HTTP/1.1 ",
            "HTTP/1.1 20",
            "HTTP/1.1 2000",
            "HTTP/1.1 020",
            "http/1.1 200 OK",
            "ICY 200 OK",
            "HTTP/x 200",
            "220 mail",
        ] {
            assert!(read(&[bad.as_bytes()]).is_err(), "{bad:?}");
        }
        assert_eq!(read(&[b"HTTP/1.1 200OK"]).unwrap().1.text(), "there is no blank after the status");
    }

    #[test]
    fn odd_lines_are_left_out_or_read_and_noted() {
        let cases: [(&[u8], &str, &str); 8] = [
            (b"X-Name: a", "X-Name=a", ""),
            (b"X-Name : a", "X-Name=a", "blank before its colon"),
            (b"X Name: a", "", "characters in its name"),
            (b"Whatever", "", "without a colon"),
            (b": a", "", "without a name"),
            (b"X-Name:", "X-Name=", ""),
            (b"X-Name: \xff", "X-Name=\u{fffd}", ""),
            (b"X-Name: a\0b", "X-Name=a\u{fffd}b", "control characters"),
        ];
        for (line, kept, noted) in cases {
            let (head, notes) = read(&[b"HTTP/1.1 200 OK", line]).unwrap();
            let found = head.headers.first().map(|header| format!("{}={}", header.name, header.value));
            assert_eq!(found.unwrap_or_default(), kept, "{}", line.escape_ascii());
            assert!(notes.text().contains(noted) && notes.is_empty() == noted.is_empty(), "{}", notes.text());
        }
    }

    #[test]
    fn a_fold_is_one_blank() {
        let (head, notes) = read(&[b"HTTP/1.1 200 OK", b"X-Name: a", b" \t b", b"\tc"]).unwrap();
        assert_eq!(&*head.headers[0].value, "a b c");
        assert_eq!(notes.text(), "a header was folded over several lines");
        let (head, _) = read(&[b"HTTP/1.1 200 OK", b" x", b"X-A: 1", b"nothing", b" y"]).unwrap();
        assert_eq!((head.headers.len(), &*head.headers[0].value), (1, "1"), "a fold of nothing is left out");
    }

    #[test]
    fn the_body_ends_as_the_headers_say() {
        let ok = b"HTTP/1.1 200 OK";
        let cases: [(&[&[u8]], Framing, bool); 12] = [
            (&[ok], Framing::UntilClose, false),
            (&[ok, b"Content-Length: 5"], Framing::Length(5), true),
            (&[ok, b"Content-Length: 5", b"Connection: x, Close"], Framing::Length(5), false),
            (&[ok, b"Content-Length: 5", b"content-length: 5"], Framing::Length(5), true),
            (&[ok, b"Content-Length: 5, 5"], Framing::Length(5), true),
            (&[ok, b"Transfer-Encoding: gzip, chunked"], Framing::Chunked, true),
            (&[ok, b"Transfer-Encoding: gzip"], Framing::UntilClose, false),
            (&[b"HTTP/1.0 200 OK", b"Content-Length: 5"], Framing::Length(5), false),
            (&[b"HTTP/1.0 200 OK", b"Content-Length: 5", b"Connection: keep-alive"], Framing::Length(5), true),
            (&[b"HTTP/1.1 204 x", b"Content-Length: 5"], Framing::Length(0), true),
            (&[b"HTTP/1.1 205 x"], Framing::Length(0), true),
            (&[b"HTTP/1.1 304 x", b"Transfer-Encoding: chunked"], Framing::Length(0), true),
        ];
        for (lines, expected, stays_open) in cases {
            let (framing, open, _) = framing(lines);
            assert_eq!((framing, open), (expected, stays_open), "{lines:?}");
        }
    }

    #[test]
    fn lengths_that_differ_are_noted_and_the_smallest_is_waited_for() {
        let ok = b"HTTP/1.1 200 OK";
        for lines in
            [[&ok[..], b"Content-Length: 9", b"Content-Length: 5"], [&ok[..], b"Content-Length: 5, x", b"X: y"]]
        {
            let (framing, _, notes) = framing(&lines);
            assert_eq!((framing, notes.as_str()), (Framing::Length(5), "its Content-Length is not one number"));
        }
        for bad in [&b"Content-Length: -1"[..], b"Content-Length:", b"Content-Length: 99999999999999999999"] {
            assert_eq!(framing(&[ok, bad]).0, Framing::Unknown);
        }
        let (framing, _, notes) = framing(&[ok, b"Content-Length: 5", b"Transfer-Encoding: chunked"]);
        assert_eq!((framing, notes.contains("both")), (Framing::Chunked, true));
    }

    #[test]
    fn headers_are_kept_up_to_the_limits() {
        let mut lines = vec![b"HTTP/1.1 200 OK".to_vec()];
        lines.extend((0..500).map(|number| format!("X-{number}: v").into_bytes()));
        lines.push(b"Content-Length: 3".to_vec());
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let (head, mut notes) = read(&lines).unwrap();
        assert_eq!(head.headers.len(), limits::HEADERS);
        assert_eq!(head.framing(&mut notes).0, Framing::Length(3), "what is not kept is heeded");
    }

    /// The name and value of a header as receivers write them.
    fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
        prop::collection::vec(("[A-Za-z][A-Za-z0-9-]{0,12}", "[!-~]([ -~]{0,20}[!-~])?"), 0..8)
    }

    proptest! {
        #[test]
        fn legal_headers_are_kept_as_they_are_and_noted_by_nothing(sent in headers(), blanks in "[ \t]{0,3}") {
            let lines: Vec<Vec<u8>> =
                sent.iter().map(|(name, value)| format!("{name}:{blanks}{value}{blanks}").into_bytes()).collect();
            let lines = std::iter::once(&b"HTTP/1.1 200 OK"[..]).chain(lines.iter().map(Vec::as_slice));
            let (mut head, mut notes) = (Head::default(), Notes::default());
            for line in lines {
                prop_assert_eq!(head.take(line, &mut notes), Ok(false));
            }
            let decides = |name: &str| name.eq_ignore_ascii_case("transfer-encoding");
            prop_assert!(notes.is_empty() || sent.iter().any(|(name, _)| decides(name)), "{}", notes.text());
            let kept: Vec<(&str, &str)> =
                head.headers.iter().map(|header| (&*header.name, &*header.value)).collect();
            let wanted: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            prop_assert_eq!(kept, wanted);
        }

        #[test]
        fn no_line_makes_an_answer_unusable_once_its_status_is_known(
            lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..20), status in 200u16..600,
        ) {
            let (mut head, mut notes) = (Head::default(), Notes::default());
            prop_assert_eq!(head.take(format!("HTTP/1.1 {status} x").as_bytes(), &mut notes), Ok(false));
            for line in lines {
                let ends = line.is_empty();
                prop_assert_eq!(head.take(&line, &mut notes), Ok(ends));
            }
            prop_assert_eq!(head.status(), Some(status));
            let bytes: usize = head.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
            prop_assert!(head.headers.len() <= limits::HEADERS && bytes <= limits::HEADERS_BYTES);
            let (framing, stays_open) = head.framing(&mut notes);
            prop_assert!(framing != Framing::UntilClose || !stays_open, "its end is the end of the connection");
        }

        #[test]
        fn several_lengths_count_as_the_smallest_and_only_equal_ones_are_no_oddity(
            lengths in prop::collection::vec(0u64..5, 1..4), in_one_line in any::<bool>(),
        ) {
            let texts: Vec<String> = lengths.iter().map(u64::to_string).collect();
            let values = if in_one_line { vec![texts.join(", ")] } else { texts };
            let lines: Vec<String> = values.iter().map(|value| format!("content-length: {value}")).collect();
            let mut all = vec![&b"HTTP/1.1 200 OK"[..]];
            all.extend(lines.iter().map(String::as_bytes));
            let (found, stays_open, noted) = framing(&all);
            prop_assert_eq!(found, Framing::Length(*lengths.iter().min().expect("there is one at least")));
            prop_assert!(stays_open, "the connection is closed over the note, not here");
            prop_assert_eq!(noted.is_empty(), lengths.iter().all(|length| *length == lengths[0]));
        }

        #[test]
        fn a_status_is_three_digits_and_nothing_else(digits in "[0-9]{1,5}", after in "( [ -~]{0,8})?") {
            let line = format!("HTTP/1.1 {digits}{after}");
            let wanted = (digits.len() == 3 && !digits.starts_with('0')).then(|| digits.parse().unwrap());
            prop_assert_eq!(read(&[line.as_bytes()]).ok().and_then(|(head, _)| head.status()), wanted, "{}", line);
        }
    }
}
