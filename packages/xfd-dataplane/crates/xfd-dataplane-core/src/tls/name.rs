//! What certificates name: a node in a swarm.

use sha2::{Digest, Sha256};

/// RFC 2606 keeps it from ever being a host's.
const SUFFIX: &str = "xfd.invalid";

/// Bytes of a hash in a name. Twice as many digits fit into one label.
const BYTES: usize = 20;

/// The name of a node in a swarm.
#[must_use]
pub fn of_node(node: &str, swarm: &str) -> String {
    format!("{}.{}", label(node), of_swarm(swarm))
}

/// What the names of all nodes of a swarm end in.
pub(super) fn of_swarm(swarm: &str) -> String {
    format!("{}.{SUFFIX}", label(swarm))
}

/// An id may have any characters and any length.
fn label(id: &str) -> String {
    let hash = Sha256::digest(id);
    hash.iter()
        .take(BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{of_node, of_swarm};

    #[test]
    fn a_name_is_of_one_node_in_one_swarm() {
        let name = of_node("a", "s");
        assert!(name.ends_with(&of_swarm("s")));
        assert_ne!(name, of_node("b", "s"));
        assert_ne!(name, of_node("a", "t"));
        assert!(of_node(&"x".repeat(500), "ö ä").len() < 100);
    }
}
