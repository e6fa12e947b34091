//! How keys of dicts are hashed and found: as Python does, `1`, `1.0` and `True` are one key.

use std::hash::{Hash, Hasher};

use super::equal::equal_uncharged;
use super::number::{exact_int, whole_part};
use super::{Key, Val, View, type_name, view};

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash(&self.0, state);
    }
}

fn hash<H: Hasher>(value: &Val, state: &mut H) {
    match view(value) {
        View::Str(text) => text.hash(state),
        View::Bool(b) => i128::from(b).hash(state),
        View::Int(n) => n.hash(state),
        View::Float(x) => match exact_int(x) {
            Some(n) => n.hash(state),
            None if x.is_finite() && x.fract() == 0.0 => whole_part(x).hash(state),
            None => x.to_bits().hash(state),
        },
        View::Big(n) => n.hash(state),
        View::Tuple(tuple) => tuple.read().iter().for_each(|item| hash(item, state)),
        View::None | View::Undefined => state.write_u8(2),
        // As they are equal: ranges by their items, what is only itself by its place.
        View::Range(range) => {
            range.len().hash(state);
            (range.len() > 0).then_some(range.start).hash(state);
            (range.len() > 1).then_some(range.step).hash(state);
        }
        View::Namespace(namespace) => std::ptr::from_ref(namespace).hash(state),
        View::Generator(generator) => std::ptr::from_ref(generator).hash(state),
        _ => type_name(value).hash(state),
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        match (self.0.as_str(), other.0.as_str()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => equal_uncharged(&self.0, &other.0),
            _ => false,
        }
    }
}

impl Eq for Key {}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use num_bigint::BigInt;

    use super::*;
    use crate::value::{Dict, Entries, Tuple, from_big, text};

    fn hashed(value: &Val) -> u64 {
        foldhash::fast::FixedState::default().hash_one(Key(value.clone()))
    }

    #[test]
    fn keys_that_are_equal_have_one_hash() {
        let pair = |a: Val, b: Val| Tuple::value(vec![a, b]);
        let cases = [
            (Val::from(1), Val::from(1.0)),
            (Val::from(1), Val::from(true)),
            (Val::from(0), Val::from(-0.0)),
            (from_big(1.into()), Val::from(1)),
            (from_big(BigInt::from(1) << 127), Val::from(2.0_f64.powi(127))),
            (from_big(BigInt::from(-1) << 127), Val::from(-(2.0_f64.powi(127)))),
            (from_big(BigInt::from(1) << 1_000), Val::from(2.0_f64.powi(1_000))),
            (text("a"), Val::from_safe_string("a".into())),
            (pair(Val::from(1), text("a")), pair(Val::from(1.0), text("a"))),
            (Val::from(()), Val::from(())),
        ];
        for (a, b) in cases {
            assert_eq!(Key(a.clone()), Key(b.clone()), "{a:?} {b:?}");
            assert_eq!(hashed(&a), hashed(&b), "{a:?} {b:?}");
        }
        assert_ne!(Key(text("1")), Key(Val::from(1)));
    }

    #[test]
    fn strings_are_found_in_dicts_of_every_size() {
        for size in [1, 8, 9, 100] {
            let entries: Entries = (0..size).map(|n| (Key(text(format!("k{n}"))), Val::from(n))).collect();
            let dict = Dict::value(entries);
            let View::Dict(dict) = view(&dict) else { panic!("a dict") };
            assert_eq!(dict.text_key(&format!("k{}", size - 1)), Some(Val::from(size - 1)));
            assert_eq!(dict.text_key("none"), None);
        }
    }
}
