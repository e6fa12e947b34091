//! Events, and the places where a watch begins, made of Rust's own values.

use serde::Serialize;

use crate::client::json;
use crate::v1::watch_deliveries_request::Start;
use crate::v1::{Event, Snapshots, WatchPosition};

impl Event {
    /// An event of that type, such as `created`, with nothing else; set other fields by their names.
    #[must_use]
    pub fn new(r#type: impl Into<String>) -> Self {
        Self { r#type: r#type.into(), ..Self::default() }
    }

    /// The same with that data: the object as it is now, of whatever serde takes.
    ///
    /// # Errors
    /// When the value cannot be JSON, as for [`json`].
    pub fn data<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, serde_json::Error> {
        Ok(Self { data: Some(json(value)?), ..self })
    }

    /// The same with the object before and after the change; `None` where it was created, or deleted.
    ///
    /// # Errors
    /// When a value cannot be JSON, as for [`json`].
    pub fn snapshots<T: Serialize>(self, before: Option<&T>, after: Option<&T>) -> Result<Self, serde_json::Error> {
        let (prechange, postchange) = (before.map(json).transpose()?, after.map(json).transpose()?);
        Ok(Self { snapshots: Some(Snapshots { prechange, postchange }), ..self })
    }
}

impl Start {
    /// A watch begins with the oldest change that is kept.
    #[must_use]
    pub fn earliest() -> Option<Self> {
        Some(Self::Position(WatchPosition::Earliest.into()))
    }

    /// A watch begins after that token.
    #[must_use]
    pub fn token(token: impl Into<String>) -> Option<Self> {
        Some(Self::ResumeToken(token.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::json_document::Value;

    #[test]
    fn an_event_is_made_of_what_serde_takes() {
        let event = Event::new("created").data(&("a", 1)).unwrap().snapshots(None, Some(&[2])).unwrap();
        let text = |document: Option<crate::v1::JsonDocument>| match document.and_then(|document| document.value) {
            Some(Value::Json(text)) => text,
            other => panic!("{other:?} is no text"),
        };
        let snapshots = event.snapshots.clone().unwrap();
        assert_eq!((event.r#type.as_str(), text(event.data).as_str()), ("created", r#"["a",1]"#));
        assert!(snapshots.prechange.is_none());
        assert_eq!(text(snapshots.postchange), "[2]");
        assert!(Event::new("created").data(&std::collections::BTreeMap::from([((1, 2), 3)])).is_err());
    }
}
