"""The state of a swarm: nodes, chunks, who holds and fetches what, and its moves."""
