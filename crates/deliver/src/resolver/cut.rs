//! Answers that came cut short over UDP: what failed behind one is the question over TCP, of which an error that
//! says only "in time" tells nothing.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::proto::serialize::binary::BinEncodable as _;
use tokio::time::Instant;

/// Questions that are remembered; one that is forgotten loses half a sentence.
const QUESTIONS_MAX: usize = 1_024;
/// Bytes of the head of a message, and the bit of its third one that says that it is cut short (RFC 1035 section 4.1.1).
const HEAD_BYTES: usize = 12;
const TRUNCATED: u8 = 0x02;

/// The questions whose answers came cut short, and when.
#[derive(Debug, Default)]
pub(super) struct Cut(Mutex<HashMap<Vec<u8>, Instant>>);

impl Cut {
    fn questions(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what came over UDP, if it is the begin of an answer.
    pub(super) fn note(&self, packet: &[u8]) {
        let Some((head, rest)) = packet.split_at_checked(HEAD_BYTES) else { return };
        if head[2] & TRUNCATED == 0 {
            return;
        }
        let Some(question) = question(rest) else { return };
        let mut questions = self.questions();
        if questions.len() >= QUESTIONS_MAX {
            questions.clear();
        }
        questions.insert(question, Instant::now());
        debug_assert!(questions.len() <= QUESTIONS_MAX, "{} questions are remembered", questions.len());
    }

    /// Whether an answer to this question came cut short since `start`.
    pub(super) fn has(&self, name: &Name, kind: RecordType, start: Instant) -> bool {
        let Ok(mut question) = name.to_lowercase().to_bytes() else { return false };
        question.extend(u16::from(kind).to_be_bytes());
        self.questions().get(&question).is_some_and(|came| *came >= start)
    }
}

/// Name and type of the first question, in lower case.
fn question(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut end = 0;
    while let length @ 1.. = *bytes.get(end)? {
        end += 1 + usize::from(length);
    }
    // The end of the name, and the type.
    let mut question = bytes.get(..end + 3)?.to_vec();
    question[..end].make_ascii_lowercase();
    Some(question)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_cut_short_for_its_own_question_only() {
        let (cut, name) = (Cut::default(), Name::from_ascii("a.Example.").unwrap());
        let start = Instant::now();
        let packet =
            |flags: u8| [&[0, 1, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01A\x07example\0\0\x01\0\x01"].concat();
        cut.note(&packet(0x81));
        assert!(!cut.has(&name, RecordType::A, start));
        cut.note(&packet(0x83));
        assert!(cut.has(&name, RecordType::A, start) && !cut.has(&name, RecordType::AAAA, start));
        assert!(!cut.has(&Name::from_ascii("b.example.").unwrap(), RecordType::A, start));
        tokio::time::advance(std::time::Duration::from_secs(1)).await;
        assert!(!cut.has(&name, RecordType::A, Instant::now()), "that was before");
        for length in 0..packet(0x83).len() {
            cut.note(&packet(0x83)[..length]);
        }
    }
}
