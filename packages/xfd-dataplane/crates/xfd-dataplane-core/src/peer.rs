//! Receives chunks from peers.
