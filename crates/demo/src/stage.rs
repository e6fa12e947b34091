//! The receiver of the demo: prints each request as it arrives, verifies signatures, and
//! refuses the first requests of one webhook.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::StatusCode;
use tenterhook_model::{Clock, Secret, SystemClock, Timestamp};

use super::lines::Lines;
use super::scene::{INVENTORY, ON_CALL, REFUSALS, SLACK};
use tenterhook_listen::receiver::{Answer, Answers, Received};
use tenterhook_listen::show::time_of_day;
use tenterhook_listen::{Verdict, verify};
use tenterhook_terminal::{Style, harmless};

/// Characters of a body that are shown: what fits into 80 columns.
const BODY_CHARS: usize = 75;
/// Characters of a signature that are shown beside its verdict.
const SIGNATURE_CHARS: usize = 46;
/// What lines about a request begin with.
const INDENT: &str = "    ";

/// What arrived so far.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    /// Requests in all.
    pub(super) requests: u32,
    /// Requests of the on-call webhook that were refused.
    pub(super) refused: u32,
    /// Signatures that were good.
    pub(super) verified: u32,
    /// What was wrong with the others, and with requests that nobody expected.
    pub(super) faults: Vec<String>,
}

/// The receiver.
#[derive(Debug)]
pub(super) struct Stage {
    lines: Arc<Lines>,
    secret: Mutex<Option<Secret>>,
    arrived: Mutex<Arrived>,
}

impl Stage {
    /// A receiver that knows no secret yet.
    pub(super) fn new(lines: Arc<Lines>) -> Self {
        Self { lines, secret: Mutex::default(), arrived: Mutex::default() }
    }

    /// Tells the secret of the signed webhook, as its owner got it.
    pub(super) fn know(&self, secret: Secret) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret);
    }

    /// What arrived; nothing is left here.
    pub(super) fn take(&self) -> Arrived {
        std::mem::take(&mut self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn verdicts(&self, request: &Received) -> Vec<Verdict> {
        if request.path != INVENTORY.0 {
            return Vec::new();
        }
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
        verify(request, secret.as_slice(), SystemClock.now())
    }

    /// Counts the request and decides the answer.
    fn count(&self, request: &Received, verdicts: &[Verdict]) -> StatusCode {
        let mut arrived = self.arrived.lock().unwrap_or_else(PoisonError::into_inner);
        arrived.requests += 1;
        for verdict in verdicts {
            if verdict.is_good() {
                arrived.verified += 1;
            } else {
                arrived.faults.push(format!("{}: {verdict}", request.path));
            }
        }
        match request.path.as_str() {
            path if path == ON_CALL.0 && attempt(request) <= REFUSALS => {
                arrived.refused += 1;
                StatusCode::SERVICE_UNAVAILABLE
            }
            path if [SLACK.0, INVENTORY.0, ON_CALL.0].contains(&path) => StatusCode::OK,
            path => {
                arrived.faults.push(format!("a request for {}, which no webhook has", harmless(path)));
                StatusCode::NOT_FOUND
            }
        }
    }

    fn show(&self, shown: &Shown<'_>) -> String {
        let Shown { time, request, verdicts, status } = shown;
        let terminal = self.lines.terminal();
        let style = if status.is_success() { Style::Green } else { Style::Red };
        let mut lines = vec![format!(
            "  {} {} {} {}  {}",
            terminal.paint(Style::Dim, time_of_day(*time)),
            terminal.paint(Style::Bold, format!("→ {} {:<10}", request.method, harmless(&request.path))),
            terminal.paint(Style::Dim, "attempt"),
            request.header("x-tenterhook-attempt"),
            terminal.paint(style, format!("answered {}", status.as_u16())),
        )];
        for verdict in *verdicts {
            let style = if verdict.is_good() { Style::Green } else { Style::Red };
            let signature = match verdict.scheme {
                Some("NETBOX") => format!("x-hook-signature: {}", request.header("x-hook-signature")),
                _ => format!("webhook-signature: {}", request.header("webhook-signature")),
            };
            let signature = terminal.paint(Style::Dim, cut(&signature, SIGNATURE_CHARS));
            lines.push(format!("{INDENT}{signature}  {}", terminal.paint(style, verdict)));
        }
        let body = harmless(&String::from_utf8_lossy(&request.body));
        lines.push(format!("{INDENT}{}", terminal.paint(Style::Cyan, cut(&body, BODY_CHARS))));
        lines.join("\n")
    }
}

/// Which attempt of its delivery the request is; without a number, a later one than the demo waits for.
fn attempt(request: &Received) -> u32 {
    request.header("x-tenterhook-attempt").parse().unwrap_or(u32::MAX)
}

/// A request that arrived, and what was made of it.
#[derive(Debug, Clone, Copy)]
struct Shown<'a> {
    time: Timestamp,
    request: &'a Received,
    verdicts: &'a [Verdict],
    status: StatusCode,
}

/// `text` up to `chars` characters.
fn cut(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

impl Answers for Stage {
    async fn answer(&self, request: Received) -> Answer {
        let time = SystemClock.now();
        let verdicts = self.verdicts(&request);
        let status = self.count(&request, &verdicts);
        self.lines.add(time, self.show(&Shown { time, request: &request, verdicts: &verdicts, status }));
        Answer::status(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::{HeaderMap, Method};
    use tenterhook_terminal::Terminal;

    fn request(path: &str) -> Received {
        Received {
            peer: "127.0.0.1:4000".parse().unwrap(),
            method: Method::POST,
            path: path.to_owned(),
            headers: HeaderMap::new(),
            spelling: Default::default(),
            body: Bytes::from_static(b"{}"),
        }
    }

    #[tokio::test]
    async fn the_on_call_receiver_refuses_twice_and_then_takes() {
        let stage = Stage::new(Arc::new(Lines::new(Terminal::plain())));
        let mut attempts = Vec::new();
        for number in [1_u32, 2, 3, 1, 2, 3] {
            let mut request = request(ON_CALL.0);
            request.headers.insert("x-tenterhook-attempt", number.into());
            attempts.push(stage.answer(request).await.status.as_u16());
        }
        assert_eq!(attempts, [503, 503, 200, 503, 503, 200], "each delivery");
        let arrived = stage.take();
        assert_eq!((arrived.requests, arrived.refused), (6, 4));
        assert!(arrived.faults.is_empty());
    }

    #[test]
    fn what_a_request_holds_cannot_steer_the_terminal() {
        let stage = Stage::new(Arc::new(Lines::new(Terminal::plain())));
        let mut request = request("/\u{202e}kcals");
        request.body = Bytes::from_static(b"{\"a\": \"\x1b[2J\x07\"}");
        let shown = Shown { time: Timestamp::from_millis(0), request: &request, verdicts: &[], status: StatusCode::OK };
        let line = stage.show(&shown);
        assert!(line.contains(r"/\u{202e}kcals") && line.contains(r"\u{1b}[2J\u{7}"), "{line}");
        assert!(!line.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{line:?}");
        stage.count(&request, &[]);
        assert!(!stage.take().faults[0].contains('\u{202e}'));
    }

    #[tokio::test]
    async fn unsigned_and_unexpected_requests_are_faults() {
        let stage = Stage::new(Arc::new(Lines::new(Terminal::plain())));
        stage.know(Secret::new("s3cret"));
        stage.answer(request(INVENTORY.0)).await;
        stage.answer(request("/elsewhere")).await;
        assert_eq!(stage.take().faults.len(), 2);
    }

    #[test]
    fn a_text_is_cut_by_characters_and_says_so() {
        for (text, shown) in [("", ""), ("abc", "abc"), ("abcd", "abc…"), ("é☃😀", "é☃😀"), ("é☃😀x", "é☃😀…")]
        {
            assert_eq!(cut(text, 3), shown);
        }
        assert_eq!((cut("a", 0), cut("", 0)), ("…".to_owned(), String::new()));
    }

    #[test]
    fn an_attempt_without_a_number_is_a_late_one() {
        let numbered = |value: &'static str| {
            let mut request = request(ON_CALL.0);
            request.headers.insert("x-tenterhook-attempt", value.parse().unwrap());
            attempt(&request)
        };
        assert_eq!((numbered("1"), numbered("12"), numbered("x"), numbered("-1")), (1, 12, u32::MAX, u32::MAX));
        assert_eq!(attempt(&request(ON_CALL.0)), u32::MAX);
    }

    #[tokio::test]
    async fn each_path_has_its_answer_and_what_arrived_is_taken_once() {
        let stage = Stage::new(Arc::new(Lines::new(Terminal::plain())));
        for (path, status) in [(SLACK.0, 200), (INVENTORY.0, 200), (ON_CALL.0, 200), ("/", 404), ("/slack/", 404)] {
            assert_eq!(stage.answer(request(path)).await.status.as_u16(), status, "{path}");
        }
        let arrived = stage.take();
        assert_eq!((arrived.requests, arrived.refused, arrived.verified), (5, 0, 0));
        assert_eq!(arrived.faults.len(), 2, "{:?}", arrived.faults);
        assert_eq!(stage.take().requests, 0);
    }
}
