"""The state of a swarm: nodes, chunks, their relations, and the moves between states."""
