//! Which request of NetBox belongs to which event here: the same first, then those with the most words in common, since
//! neither a request of NetBox nor its order says which event it was for.

use super::recorded::Recorded;

/// Events that a request without a twin is compared with, from the first that is left.
const WINDOW: usize = 50;

/// Places in the lists of requests and events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pairs {
    /// The number of pairs that are the same.
    pub(super) same: usize,
    /// Pairs that differ.
    pub(super) different: Vec<(usize, usize)>,
    /// Requests that no event here would send.
    pub(super) only_sent: Vec<usize>,
    /// Events here whose request NetBox did not send.
    pub(super) only_here: Vec<usize>,
}

/// Pairs what NetBox sent with what would be sent here.
pub(super) fn pair(sent: &[Recorded], here: &[Recorded]) -> Pairs {
    let mut pairs = Pairs::default();
    let mut free: Vec<usize> = (0..here.len()).collect();
    let mut left = Vec::new();
    for (index, request) in sent.iter().enumerate() {
        match free.iter().position(|&event| request.is(&here[event])) {
            Some(at) => {
                free.remove(at);
                pairs.same += 1;
            }
            None => left.push(index),
        }
    }
    for index in left {
        let words = words(&sent[index].body);
        let alike = free.iter().take(WINDOW).enumerate().map(|(at, &event)| (common(&words, &here[event].body), at));
        // The first of those that are most alike.
        match alike.max_by_key(|&(alike, at)| (alike, std::cmp::Reverse(at))) {
            Some((alike, at)) if alike * 2 >= words.len() => pairs.different.push((index, free.remove(at))),
            _ => pairs.only_sent.push(index),
        }
    }
    pairs.only_here = free;
    pairs
}

/// The words and numbers of a text, sorted.
fn words(text: &[u8]) -> Vec<&[u8]> {
    let mut words: Vec<&[u8]> =
        text.split(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.sort_unstable();
    words
}

/// How many of the sorted `words` are in `text` too, each as often as it is there.
fn common(sorted: &[&[u8]], text: &[u8]) -> usize {
    let others = words(text);
    let (mut one, mut other, mut count) = (0, 0, 0);
    while let (Some(first), Some(second)) = (sorted.get(one), others.get(other)) {
        match first.cmp(second) {
            std::cmp::Ordering::Less => one += 1,
            std::cmp::Ordering::Greater => other += 1,
            std::cmp::Ordering::Equal => (one, other, count) = (one + 1, other + 1, count + 1),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenterhook_client::v1::HttpRequest;

    fn requests(bodies: &[&str]) -> Vec<Recorded> {
        let request = |body: &&str| HttpRequest { body: (*body).to_owned().into(), ..Default::default() };
        bodies.iter().map(|body| Recorded::previewed("x", &request(body))).collect()
    }

    #[test]
    fn the_same_are_paired_first_whatever_their_order() {
        let pairs = pair(&requests(&["a 1", "b 2", "a 1"]), &requests(&["b 2", "a 1", "a 1"]));
        assert_eq!(pairs, Pairs { same: 3, ..Pairs::default() });
    }

    #[test]
    fn the_rest_is_paired_by_what_it_has_in_common() {
        let sent = requests(&["site AMS was created by ann", "site BER was created by ann", "quite another text here"]);
        let here = requests(&["site BER was updated by ann", "site AMS was updated by ann", "0"]);
        let expected = Pairs { same: 0, different: vec![(0, 1), (1, 0)], only_sent: vec![2], only_here: vec![2] };
        assert_eq!(pair(&sent, &here), expected);
    }
}
