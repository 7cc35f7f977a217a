"""A swarm in virtual time: the real scheduler, a simulated network. Needs numpy."""
