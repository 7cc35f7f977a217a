//! Whatever an archive says, the filter keeps its entries inside the tree.

use std::collections::HashMap;

use proptest::prelude::*;
use xfd_dataplane_core::decides::archive::{Before, EntryKind, Filter};
use xfd_dataplane_core::error::Kind;
use xfd_dataplane_core::model::{Links, UnpackCaps};

use super::support::CAPS;

#[derive(Clone, Debug)]
enum Said {
    Folder(String),
    File(String),
    Link(String, String),
    HardLink(String, String),
}

/// Paths of few names, so that they meet each other.
fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c"]),
        1 => Just("."),
        1 => Just(""),
        1 => Just(".."),
    ];
    prop::collection::vec(part, 1..5).prop_map(|parts| parts.join("/"))
}

/// Targets climb more often, and some are absolute.
fn target() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec!["a", "b", "c", "..", ".."]);
    let start = prop::sample::select(vec!["", "", "", "/"]);
    (start, prop::collection::vec(part, 1..6))
        .prop_map(|(start, parts)| start.to_owned() + &parts.join("/"))
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        path().prop_map(Said::Folder),
        path().prop_map(Said::File),
        (path(), target()).prop_map(|(path, target)| Said::Link(path, target)),
        (path(), path()).prop_map(|(path, target)| Said::HardLink(path, target)),
    ]
}

/// A tree kept as a file system would.
#[derive(Default)]
struct Model {
    nodes: HashMap<Vec<String>, Node>,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Folder,
    File,
    Link(String),
}

fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect()
}

impl Model {
    /// Whether following `target` from a folder leaves the tree, as the kernel walks: what does
    /// not exist ends the walk.
    fn leaves(&self, folder: &[String], target: &str, depth: usize) -> Option<Vec<String>> {
        let mut at = folder.to_vec();
        assert!(depth < 60, "links lead on for ever");
        for part in parts(target) {
            if part == ".." {
                assert!(at.pop().is_some(), "{target} leaves the tree");
                continue;
            }
            at.push(part);
            match self.nodes.get(&at) {
                Some(Node::Folder) => {}
                Some(Node::Link(next)) if depth < 40 => {
                    let folder = at[..at.len() - 1].to_vec();
                    at = self.leaves(&folder, next, depth + 1)?;
                }
                _ => return None,
            }
        }
        Some(at)
    }
}

impl Model {
    /// Where a folder is for a process whose root is the tree; what does not exist is a folder.
    fn rooted(&self, folder: &[String], depth: usize) -> Vec<String> {
        assert!(depth < 60, "links lead on for ever");
        let mut at: Vec<String> = Vec::new();
        for part in folder {
            if part == ".." {
                at.pop();
                continue;
            }
            at.push(part.clone());
            if let Some(Node::Link(target)) = self.nodes.get(&at) {
                at.pop();
                let start = if target.starts_with('/') { vec![] } else { at };
                at = self.rooted(&[start, parts(target)].concat(), depth + 1);
            }
        }
        at
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    /// The accepted entries of any archive, put into a model of a file system, stay in it: each
    /// goes where it would if the tree were the whole file system, every folder above is a real
    /// one, and of an archive that is not trusted no link leads out once all is there.
    #[test]
    fn accepted_entries_stay_in_the_tree(
        archive in prop::collection::vec(said(), 1..14),
        links in prop::sample::select(vec![Links::Safe, Links::Keep]),
    ) {
        let mut filter = Filter::new(CAPS, links, 1000);
        let mut model = Model::default();
        for said in &archive {
            let (path, what) = match said {
                Said::Folder(path) => (path, EntryKind::Folder),
                Said::File(path) => (path, EntryKind::File),
                Said::Link(path, target) => (path, EntryKind::Link(target.as_bytes())),
                Said::HardLink(path, target) => (path, EntryKind::HardLink(target.as_bytes())),
            };
            let Ok(place) = filter.place(path.as_bytes(), what) else {
                continue;
            };
            let place = place.expect("none of these kinds is left out");
            let clean = parts(std::str::from_utf8(&place.path).unwrap());
            let mut expected = parts(path);
            if let Some(name) = expected.pop() {
                expected = [model.rooted(&expected, 0), vec![name]].concat();
            }
            prop_assert_eq!(&clean, &expected);
            prop_assert!(!clean.contains(&"..".to_owned()));
            for folder in &place.folders {
                let folder = parts(std::str::from_utf8(folder).unwrap());
                prop_assert!(model.nodes.insert(folder, Node::Folder).is_none());
            }
            for length in 1..clean.len() {
                prop_assert_eq!(model.nodes.get(&clean[..length]), Some(&Node::Folder));
            }
            let found = model.nodes.get(&clean).cloned();
            let below = model.nodes.keys().any(|other| {
                other.len() > clean.len() && other.starts_with(&clean)
            });
            match place.before {
                Before::Nothing => prop_assert!(found.is_none()),
                Before::SameFolder => {
                    prop_assert!(clean.is_empty() || found == Some(Node::Folder));
                    continue;
                }
                Before::EmptyFolder => prop_assert!(found == Some(Node::Folder) && !below),
                Before::Other => prop_assert!(!matches!(found, None | Some(Node::Folder))),
                Before::Itself => continue,
            }
            let node = match said {
                Said::Folder(_) => Node::Folder,
                Said::File(_) => Node::File,
                Said::Link(_, target) => Node::Link(target.clone()),
                Said::HardLink(..) => {
                    let names = place.names.unwrap();
                    let names = parts(std::str::from_utf8(&names).unwrap());
                    let named = model.nodes[&names].clone();
                    prop_assert!(named != Node::Folder);
                    named
                }
            };
            model.nodes.insert(clean, node);
        }
        if links == Links::Safe && filter.finish().is_ok() {
            for (path, node) in &model.nodes {
                if let Node::Link(target) = node {
                    model.leaves(&path[..path.len() - 1], target, 0);
                }
            }
        }
    }

    /// A link that a person would call harmless is one.
    #[test]
    fn links_inside_are_accepted(
        folders in prop::collection::vec("[a-c]", 0..5),
        up in 0_usize..5,
        down in prop::collection::vec("[a-c]", 1..4),
    ) {
        let up = up.min(folders.len());
        let path = [folders, vec!["link".to_owned()]].concat().join("/");
        let target = format!("{}{}", "../".repeat(up), down.join("/"));
        let mut filter = Filter::new(CAPS, Links::Safe, 1000);
        prop_assert!(filter.place(path.as_bytes(), EntryKind::Link(target.as_bytes())).is_ok());
        prop_assert!(filter.finish().is_ok());
    }
}

#[test]
fn the_ratio_is_looked_at_above_a_hundred_mebibytes() {
    let caps = UnpackCaps {
        max_ratio: 10.0,
        ..CAPS
    };
    let mut filter = Filter::new(caps, Links::Safe, 1);
    filter.grow(100 << 20).unwrap();
    assert_eq!(filter.grow(1).unwrap_err().kind, Kind::ArchiveTooLarge);
    let mut filter = Filter::new(caps, Links::Safe, 20 << 20);
    filter.grow(200 << 20).unwrap();
    assert_eq!(filter.bytes(), 200 << 20);
    assert_eq!(filter.grow(1).unwrap_err().kind, Kind::ArchiveTooLarge);
}
