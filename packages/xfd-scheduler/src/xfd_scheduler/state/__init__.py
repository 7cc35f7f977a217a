"""What is true of a swarm: nodes, chunks, who holds and fetches what."""
