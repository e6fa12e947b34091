//! Where the generator's decisions come from: a seed, or a tape of earlier decisions. A tape that
//! is made smaller gives a smaller case, because every generator takes the simplest at 0.

/// Decisions.
pub(super) struct Choices {
    tape: Vec<u32>,
    at: usize,
    /// The state of the random numbers; none when a tape is replayed.
    random: Option<u64>,
}

impl Choices {
    pub(super) fn random(seed: u64) -> Self {
        Self { tape: Vec::new(), at: 0, random: Some(seed.wrapping_mul(0xd134_2543_de82_ef95)) }
    }

    /// The decisions of `tape`, then 0 for ever.
    pub(super) fn replay(tape: &[u32]) -> Self {
        Self { tape: tape.to_vec(), at: 0, random: None }
    }

    /// The decisions that were taken.
    pub(super) fn taken(&self) -> Vec<u32> {
        self.tape.clone()
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let value = match &mut self.random {
            Some(state) => {
                let value = next(state);
                self.tape.push(value);
                value
            }
            None => self.tape.get(self.at).copied().unwrap_or(0),
        };
        self.at += 1;
        value as usize % bound.max(1)
    }

    /// Whether something happens, `percent` times in a hundred; not, when simplest.
    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub(super) fn one_of<'c, T: ?Sized>(&mut self, items: &[&'c T]) -> &'c T {
        items[self.below(items.len())]
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014), upper half.
fn next(state: &mut u64) -> u32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((mixed ^ (mixed >> 31)) >> 32) as u32
}

/// Tapes that are smaller than `tape`: parts cut out, then single decisions made 0 or halved.
pub(super) fn smaller(tape: &[u32]) -> impl Iterator<Item = Vec<u32>> + '_ {
    let cuts = [32, 16, 8, 4, 2, 1].into_iter().flat_map(move |size| {
        (0..tape.len().div_ceil(size)).rev().map(move |part| {
            let start = part * size;
            let end = (start + size).min(tape.len());
            [&tape[..start], &tape[end..]].concat()
        })
    });
    let zeroed = (0..tape.len()).filter(|at| tape[*at] != 0).map(|at| with(tape, at, 0));
    let halved = (0..tape.len()).filter(|at| tape[*at] > 1).map(|at| with(tape, at, tape[at] / 2));
    cuts.chain(zeroed).chain(halved)
}

fn with(tape: &[u32], at: usize, value: u32) -> Vec<u32> {
    let mut changed = tape.to_vec();
    changed[at] = value;
    changed
}

#[test]
fn a_tape_replays_what_was_chosen() {
    let mut first = Choices::random(7);
    let chosen: Vec<usize> = (0..50).map(|n| first.below(n + 1)).collect();
    let mut again = Choices::replay(&first.taken());
    assert_eq!((0..50).map(|n| again.below(n + 1)).collect::<Vec<_>>(), chosen);
    assert_eq!(again.below(9), 0);
}
