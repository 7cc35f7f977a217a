//! Serves chunks to peers.
