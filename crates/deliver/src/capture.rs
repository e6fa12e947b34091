//! What is kept of an answer: its status, its headers, the beginning of its body.

use bytes::Bytes;
use http::Response;
use tenterhook_model::{CapturedResponse, Header, limits};

/// An answer as far as it has come in.
#[derive(Debug)]
pub(crate) struct Capture {
    head: Option<(u16, Vec<Header>)>,
    body: Vec<u8>,
    read: usize,
    /// Bytes of the body that are kept.
    kept: usize,
}

impl Default for Capture {
    fn default() -> Self {
        Self::of(limits::BODY_KEPT_BYTES)
    }
}

impl Capture {
    /// One that keeps all that is read, for an answer to this server itself.
    pub(crate) fn whole() -> Self {
        Self::of(limits::ANSWER_READ_BYTES)
    }

    fn of(kept: usize) -> Self {
        Self { head: None, body: Vec::new(), read: 0, kept }
    }

    /// Takes the head.
    pub(crate) fn start(&mut self, status: u16, headers: Vec<Header>) {
        debug_assert!(headers.len() <= limits::HEADERS, "{} headers are kept", headers.len());
        debug_assert!(
            self.head.is_none(),
            "an answer has one head: {status} would take the place of {:?}",
            self.status()
        );
        self.head = Some((status, headers));
    }

    /// The status, if the head has come in.
    pub(crate) fn status(&self) -> Option<u16> {
        self.head.as_ref().map(|(status, _)| *status)
    }

    /// Takes the next part of the body; answers whether more is wanted.
    pub(crate) fn take(&mut self, data: &[u8]) -> bool {
        let room = self.kept - self.body.len();
        self.body.extend_from_slice(&data[..data.len().min(room)]);
        self.read += data.len();
        debug_assert!(self.body.len() <= self.kept, "{} bytes are kept", self.body.len());
        debug_assert!(self.body.len() <= self.read, "no more is kept than was read");
        self.read <= limits::ANSWER_READ_BYTES
    }

    /// The answer with what was odd about it, if its head has come in.
    pub(crate) fn finish(self, note: String) -> Option<CapturedResponse> {
        let body_truncated = self.read > self.body.len();
        let (status, headers) = self.head?;
        Some(CapturedResponse { status, headers, body: Bytes::from(self.body), body_truncated, note })
    }
}

/// The headers in order, up to the limits for headers; bytes that are no text are replaced.
pub(crate) fn headers<B>(answer: &Response<B>) -> Vec<Header> {
    let mut room = limits::HEADERS_BYTES;
    let mut kept = Vec::with_capacity(answer.headers().len().min(limits::HEADERS));
    for (name, value) in answer.headers().iter().take(limits::HEADERS) {
        let size = name.as_str().len() + value.len();
        if size > room {
            break;
        }
        room -= size;
        debug_assert!(kept.len() < limits::HEADERS, "the headers that are kept have a limit");
        kept.push(Header::new(name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes())));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(parts: &[&[u8]]) -> (Vec<bool>, CapturedResponse) {
        let mut capture = Capture::default();
        capture.start(200, Vec::new());
        let wanted = parts.iter().map(|part| capture.take(part)).collect();
        (wanted, capture.finish(String::new()).unwrap())
    }

    #[test]
    fn a_body_within_the_limit_is_kept_whole() {
        let whole = vec![7; limits::BODY_KEPT_BYTES];
        let (_, answer) = finished(&[&whole[..100], &whole[100..]]);
        assert_eq!((answer.body.as_ref(), answer.body_truncated), (&whole[..], false));
    }

    #[test]
    fn one_byte_more_is_cut_and_told() {
        let (wanted, answer) = finished(&[&vec![7; limits::BODY_KEPT_BYTES + 1]]);
        assert_eq!((wanted, answer.body.len(), answer.body_truncated), (vec![true], limits::BODY_KEPT_BYTES, true));
    }

    #[test]
    fn reading_ends_beyond_the_limit() {
        let part = vec![7; limits::ANSWER_READ_BYTES];
        assert_eq!(finished(&[&part]).0, [true]);
        assert_eq!(finished(&[&part, b"x"]).0, [true, false]);
    }

    #[test]
    fn headers_keep_their_order_and_repeats_and_are_bounded() {
        let answer = Response::builder().header("b", "1").header("a", &b"\xff"[..]).header("b", "2").body(()).unwrap();
        let texts: Vec<_> = headers(&answer).into_iter().map(|header| (header.name, header.value)).collect();
        let text = |name: &'static str, value: &str| (name.into(), value.into());
        assert_eq!(texts, [text("b", "1"), text("b", "2"), text("a", "\u{fffd}")]);
        let many = (0..100).fold(Response::builder(), |answer, i| answer.header(format!("h{i}"), "v"));
        assert_eq!(headers(&many.body(()).unwrap()).len(), limits::HEADERS);
        let large = (0..10).fold(Response::builder(), |answer, i| answer.header(format!("h{i}"), "v".repeat(8_000)));
        assert_eq!(headers(&large.body(()).unwrap()).len(), 4);
    }

    #[test]
    fn without_a_head_there_is_no_answer() {
        assert_eq!(Capture::default().finish(String::new()), None);
    }
}
