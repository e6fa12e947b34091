//! Ends the life of a render's containers flatly.
//!
//! A template can put containers into each other tens of thousands deep, and in
//! circles. Dropping the first would overflow the stack, the second would leak.
//! So a container that holds an object is noted here while a render runs, and
//! at its end all noted ones are emptied one by one.

use std::cell::RefCell;

use super::{BoundMethod, Cycler, Dict, DictView, Generator, List, Namespace, Tuple, Val};

thread_local! {
    static NOTED: RefCell<Option<Vec<Val>>> = const { RefCell::new(None) };
}

/// While it lives, containers made on this thread are noted; dropping it
/// empties them.
#[derive(Debug)]
pub(crate) struct Arena {
    outer: Option<Vec<Val>>,
}

impl Arena {
    /// Begins to note containers.
    pub(crate) fn open() -> Self {
        let outer = NOTED.with(|noted| noted.borrow_mut().replace(Vec::new()));
        Self { outer }
    }

    /// Notes `container`, which holds an object.
    pub(super) fn note(container: &Val) {
        NOTED.with(|noted| {
            if let Some(noted) = noted.borrow_mut().as_mut() {
                noted.push(container.clone());
            }
        });
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let noted = NOTED.with(|noted| std::mem::replace(&mut *noted.borrow_mut(), self.outer.take()));
        let containers = noted.unwrap_or_default();
        let mut contents = Vec::new();
        for container in &containers {
            empty(container, &mut contents);
        }
        // every container is empty now: each drop below is one level deep
        drop(contents);
        drop(containers);
    }
}

fn empty(container: &Val, contents: &mut Vec<Val>) {
    let Some(object) = container.as_object() else {
        return;
    };
    if let Some(list) = object.downcast_ref::<List>() {
        contents.append(&mut list.write());
    } else if let Some(dict) = object.downcast_ref::<Dict>() {
        for (key, value) in std::mem::take(&mut *dict.write()) {
            contents.push(key.0);
            contents.push(value);
        }
    } else if let Some(tuple) = object.downcast_ref::<Tuple>() {
        contents.append(&mut tuple.write());
    } else if let Some(namespace) = object.downcast_ref::<Namespace>() {
        contents.extend(namespace.take());
    } else if let Some(generator) = object.downcast_ref::<Generator>() {
        contents.extend(generator.take());
    } else if let Some(cycler) = object.downcast_ref::<Cycler>() {
        contents.append(&mut cycler.take());
    } else if let Some(method) = object.downcast_ref::<BoundMethod>() {
        contents.extend(method.take());
    } else if let Some(view) = object.downcast_ref::<DictView>() {
        contents.extend(view.take());
    }
}
