//! The modules of each crate use each other without circles, so that each can be read with what is
//! below it alone.
//!
//! A module is a file. It uses another when it imports something that is defined there (an export is
//! followed to where the thing comes from) or names a path into it. That a module declares its
//! children, or exports what they define, is no use of them; a child that needs something of its
//! parent, while the parent works with the child, is a circle as any other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::paths::Mentions;
use super::tree::{self, Source};

/// The path of a module within its crate; empty for the root.
type Module = Vec<String>;

/// Circles that are meant, while all their modules are in the folder: crate, folder, reason.
const MEANT: [(&str, &str, &str); 1] =
    [("store", "embedded", "one writer owns the state, and its rules are methods of that state in files of their own")];
/// Folders that use nothing of another, so that they work with something in its place: crate, folder, the other.
const APART: [(&str, &str, &str); 13] = [
    ("store", "counts", "embedded"),
    ("store", "counts", "kv"),
    ("store", "inbox", "embedded"),
    ("store", "inbox", "kv"),
    ("store", "queue", "embedded"),
    ("store", "queue", "kv"),
    ("store", "kv", "embedded"),
    ("store", "ledger", "embedded"),
    ("store", "ledger", "keys"),
    ("store", "ledger", "kv"),
    ("store", "ledger", "queue"),
    ("store", "tail", "embedded"),
    ("store", "tail", "kv"),
];
/// Exports are followed so many times at most.
const EXPORTS_MAX: usize = 16;

/// The modules of a crate.
struct Modules {
    mentions: BTreeMap<Module, Mentions>,
    /// What each module exports of others, by name.
    exports: BTreeMap<Module, BTreeMap<String, Module>>,
}

/// Which modules each module uses, and one of the paths by which it does.
type Graph = BTreeMap<Module, BTreeMap<Module, String>>;

impl Modules {
    /// Reads the sources below `folder`, the `src` of a crate.
    fn of(folder: &str, sources: &[Source]) -> Self {
        let has_library = sources.iter().any(|source| source.path == format!("{folder}/lib.rs"));
        let mut mentions = BTreeMap::new();
        for source in sources {
            let path = source.path.strip_prefix(folder).expect("it was found there").trim_matches('/');
            let mut module: Module = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            match module.last().map(String::as_str) {
                Some("mod") => drop(module.pop()),
                Some("lib") if module.len() == 1 => module.clear(),
                // beside a library, `main` is a crate of its own
                Some("main") if module.len() == 1 && has_library => continue,
                Some("main") if module.len() == 1 => module.clear(),
                _ => {}
            }
            mentions.insert(module, Mentions::of(source.production()));
        }
        let mut modules = Self { mentions, exports: BTreeMap::new() };
        let exports = modules.mentions.iter().map(|(module, mentions)| {
            let public = mentions.uses.iter().filter(|found| found.is_public);
            let exports = public.filter_map(|found| Some((found.name.clone(), modules.absolute(module, &found.path)?)));
            (module.clone(), exports.collect())
        });
        modules.exports = exports.collect();
        modules
    }

    /// A path from the root of the crate; `None` when it leads out of the crate.
    fn absolute(&self, from: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" | "super" => from.clone(),
            child => {
                let inner = [from.as_slice(), &[child.to_owned()]].concat();
                return self.mentions.contains_key(&inner).then(|| [from.as_slice(), path].concat());
            }
        };
        let ups = path.iter().take_while(|segment| matches!(segment.as_str(), "self" | "super")).count();
        for up in path[..ups].iter().filter(|segment| *segment == "super") {
            base.pop().unwrap_or_else(|| panic!("{up} of the root in {path:?}"));
        }
        Some([base.as_slice(), &path[ups..]].concat())
    }

    /// The module in which the thing at an absolute path is defined.
    fn home(&self, path: &Module) -> Module {
        let mut path = path.clone();
        for _ in 0..EXPORTS_MAX {
            let depth = (0..=path.len()).rev().find(|depth| self.mentions.contains_key(&path[..*depth]));
            let (module, rest) = path.split_at(depth.expect("every crate has a root"));
            let Some(export) = rest.first().and_then(|name| self.exports.get(module)?.get(name)) else {
                return module.to_vec();
            };
            path = [export.as_slice(), &rest[1..]].concat();
        }
        panic!("{path:?} is exported round and round");
    }

    /// What each module uses.
    fn graph(&self) -> Graph {
        self.mentions.keys().map(|module| (module.clone(), self.used_by(module))).collect()
    }

    fn used_by(&self, module: &Module) -> BTreeMap<Module, String> {
        let mentions = &self.mentions[module];
        let mut used = BTreeMap::new();
        // modules that were imported are used where a path goes through them
        let mut imported = BTreeMap::new();
        for found in &mentions.uses {
            let Some(path) = self.absolute(module, &found.path) else { continue };
            let home = self.home(&path);
            if home == path {
                imported.insert(found.name.clone(), path);
            } else if !(found.is_public && home.starts_with(module)) {
                used.entry(home).or_insert_with(|| found.path.join("::"));
            }
        }
        for path in &mentions.paths {
            let through = imported.get(&path[0]).map(|start| [start.as_slice(), &path[1..]].concat());
            let Some(target) = through.or_else(|| self.absolute(module, path)) else { continue };
            used.entry(self.home(&target)).or_insert_with(|| path.join("::"));
        }
        used.remove(module);
        used
    }
}

/// The shortest circle through each module that is in one, each once.
fn circles(graph: &Graph) -> BTreeSet<Vec<Module>> {
    let mut found = BTreeSet::new();
    for start in graph.keys() {
        let mut before: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(module) = next.pop_front() {
            for used in graph[module].keys() {
                if !before.contains_key(used) {
                    before.insert(used, module);
                    next.push_back(used);
                }
            }
        }
        if !before.contains_key(start) {
            continue;
        }
        let mut circle = vec![start.clone()];
        let mut module = before[start];
        while module != start {
            circle.push(module.clone());
            module = before[module];
        }
        circle.reverse();
        let least = circle.iter().enumerate().min_by_key(|(_, module)| *module).map_or(0, |(at, _)| at);
        circle.rotate_left(least);
        found.insert(circle);
    }
    found
}

/// A circle as text: each module, and the path by which it uses the next.
fn shown(circle: &[Module], graph: &Graph) -> String {
    let name = |module: &Module| if module.is_empty() { "the root".to_owned() } else { module.join("::") };
    let link = |(at, module): (usize, &Module)| {
        let next = &circle[(at + 1) % circle.len()];
        format!("{} uses {} ({})", name(module), name(next), graph[module][next])
    };
    circle.iter().enumerate().map(link).collect::<Vec<_>>().join(", ")
}

#[test]
fn modules_use_each_other_without_circles() {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(tree::root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let folder = format!("crates/{name}/src");
        let graph = Modules::of(&folder, &tree::sources(&folder)).graph();
        let is_meant = |circle: &&Vec<Module>| {
            let mut folders = MEANT.iter().filter(|(of, ..)| *of == name).map(|(_, folder, _)| *folder);
            folders.any(|folder| circle.iter().all(|module| module.first().is_some_and(|first| first == folder)))
        };
        let (meant, other): (Vec<_>, Vec<_>) = circles(&graph).into_iter().partition(|circle| is_meant(&circle));
        let listed = MEANT.iter().filter(|(of, ..)| *of == name).count();
        assert!(meant.len() >= listed, "crates/{name} has no circle left where one is meant: shorten the list");
        found.extend(other.iter().map(|circle| format!("crates/{name}: {}", shown(circle, &graph))));
    }
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), found.join("\n"));
}

/// Each use of the folder `other` by a module of `folder`.
fn arrows(graph: &Graph, folder: &str, other: &str) -> Vec<String> {
    let is_in = |module: &Module, folder: &str| module.first().is_some_and(|first| first == folder);
    let of_folder = graph.iter().filter(|(module, _)| is_in(module, folder));
    let uses = of_folder.flat_map(|(module, used)| used.iter().map(move |(to, by)| (module, to, by)));
    let wrong = uses.filter(|(_, to, _)| is_in(to, other));
    wrong.map(|(module, to, by)| format!("{} uses {} ({by})", module.join("::"), to.join("::"))).collect()
}

#[test]
fn folders_that_stand_apart_use_nothing_of_each_other() {
    for (name, folder, other) in APART {
        let source = format!("crates/{name}/src");
        let graph = Modules::of(&source, &tree::sources(&source)).graph();
        assert!(graph.keys().any(|module| module.first().is_some_and(|first| first == folder)), "{name}: {folder}");
        let found = arrows(&graph, folder, other);
        assert!(found.is_empty(), "crates/{name}:\n{}", found.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_is_found_without_a_circle() {
        let files =
            [("lib.rs", "mod a; mod b;"), ("a/mod.rs", "mod deep;"), ("a/deep.rs", "use crate::b::x;"), ("b.rs", "")];
        let source = |(path, text): &(&str, &str)| Source { path: format!("c/{path}"), text: (*text).to_owned() };
        let graph = Modules::of("c", &files.iter().map(source).collect::<Vec<_>>()).graph();
        assert_eq!(arrows(&graph, "a", "b"), ["a::deep uses b (crate::b::x)"]);
        assert!(arrows(&graph, "b", "a").is_empty());
    }

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, text): &(&str, &str)| Source { path: format!("c/{path}"), text: (*text).to_owned() };
        let graph = Modules::of("c", &files.iter().map(source).collect::<Vec<_>>()).graph();
        circles(&graph).iter().map(|circle| shown(circle, &graph)).collect()
    }

    #[test]
    fn a_circle_is_found_through_exports_and_paths() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use b::inner::Thing;"),
            ("a.rs", "use crate::Thing;"),
            ("b/mod.rs", "pub(crate) mod inner;"),
            ("b/inner.rs", "use crate::c; pub struct Thing; fn f() { c::g() }"),
            ("c.rs", "pub fn g() { super::a::h() }"),
        ];
        let circle = "a uses b::inner (crate::Thing), b::inner uses c (c::g), c uses a (super::a::h)";
        assert_eq!(found(&files), [circle]);
    }

    #[test]
    fn a_child_that_needs_its_parent_is_a_circle_only_if_the_parent_works_with_it() {
        let child = ("a/child.rs", "use super::Parent; pub fn f() {}");
        assert!(
            found(&[("lib.rs", ""), ("a/mod.rs", "mod child; pub use child::f; pub struct Parent;"), child]).is_empty()
        );
        let parent = ("a/mod.rs", "mod child; pub struct Parent; fn g() { child::f() }");
        assert_eq!(found(&[("lib.rs", ""), parent, child]).len(), 1);
    }

    #[test]
    fn what_only_tests_use_is_no_use() {
        let files = [
            ("lib.rs", ""),
            ("a.rs", "use crate::b::X; pub struct Y;"),
            ("b.rs", "pub struct X;\n#[cfg(test)]\nmod tests { use crate::a::Y; }"),
        ];
        assert!(found(&files).is_empty());
    }
}
