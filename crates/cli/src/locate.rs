//! In which line of a file of YAML or JSON a field is, so that an error leads there. The text is read once more for it.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The lines of the fields of one document, by their paths; that of the document itself has no path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lines(HashMap<String, u64>);

impl Lines {
    /// The lines of each document of a text, in the order of [`crate::document::documents`].
    pub(crate) fn of(text: &str) -> Vec<Self> {
        let mut documents = serde_saphyr::from_multiple::<Spanned<Shape>>(text).unwrap_or_default();
        documents.retain(|document| !matches!(document.value, Shape::Null));
        let of = |document: &Spanned<Shape>| {
            let mut lines = Self::default();
            lines.add("", document.referenced.line(), &document.value);
            lines
        };
        match documents.as_slice() {
            // JSON: a list of them.
            [Spanned { value: Shape::List(items), .. }] => items.iter().map(of).collect(),
            documents => documents.iter().map(of).collect(),
        }
    }

    /// The line of a field, or of the nearest around it that is there.
    pub(crate) fn line(&self, path: &str) -> Option<u64> {
        let ends = path.char_indices().rev().filter(|(_, c)| ['.', '['].contains(c)).map(|(at, _)| at);
        let around = [path.len()].into_iter().chain(ends).map(|end| &path[..end]).chain([""]);
        around.into_iter().find_map(|path| self.0.get(path)).copied()
    }

    fn add(&mut self, path: &str, line: u64, shape: &Shape) {
        match shape {
            Shape::Null | Shape::Scalar => {}
            Shape::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.add(&format!("{path}[{index}]"), item.referenced.line(), &item.value);
                }
            }
            Shape::Fields(fields) => {
                for (name, value) in fields {
                    let (line, name) = (name.referenced.line(), &name.value);
                    // Entries of a map, such as labels, are called so.
                    self.0.insert(format!("{path}[{name}]"), line);
                    let inside = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.add(&inside, line, &value.value);
                }
            }
        }
        self.0.insert(path.to_owned(), line);
    }
}

/// What a value is, as far as it has places in it.
#[derive(Debug)]
enum Shape {
    Null,
    Scalar,
    List(Vec<Spanned<Shape>>),
    Fields(Vec<(Spanned<String>, Spanned<Shape>)>),
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shapes)
    }
}

struct Shapes;

impl<'de> Visitor<'de> for Shapes {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_none<E>(self) -> Result<Shape, E> {
        Ok(Shape::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Shape, E> {
        Ok(Shape::Scalar)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Shape, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = access.next_entry()? {
            fields.push(field);
        }
        Ok(Shape::Fields(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_in_its_line_and_one_that_is_missing_where_it_belongs() {
        let text = "# hooks\ndisplay_name: a\nrequest:\n  url: x\n  headers:\n    - name: A\n      value: b\n    - name: B\n\
                    labels: {a.b: c,\n  d: 5}\n---\n---\ndisplay_name: b\n";
        let lines = Lines::of(text);
        for (path, line) in [
            ("display_name", 2),
            ("request.url", 4),
            ("request.headers[0].value", 7),
            ("request.headers[1]", 8),
            ("request.headers[1].value", 8),
            ("request.method", 3),
            ("labels[a.b]", 9),
            ("labels[d]", 10),
            ("signing", 2),
        ] {
            assert_eq!(lines[0].line(path), Some(line), "{path}");
        }
        assert_eq!((lines.len(), lines[1].line("display_name")), (2, Some(13)));
        assert_eq!(Lines::default().line("a"), None);
    }

    #[test]
    fn documents_of_json_are_the_items_of_its_list() {
        let lines = Lines::of("[\n  {\"display_name\": \"a\"},\n  {\n    \"display_name\": 5\n  }\n]");
        assert_eq!(lines.iter().map(|one| one.line("display_name")).collect::<Vec<_>>(), [Some(2), Some(4)]);
        assert!(Lines::of("a: [").is_empty());
    }

    #[test]
    fn a_field_of_an_anchor_is_where_it_is_used() {
        let lines = Lines::of("request: &r\n  url: x\ntwin: *r\n");
        assert_eq!((lines[0].line("request.url"), lines[0].line("twin")), (Some(2), Some(3)));
    }
}
