"""Decides which node of a swarm fetches which chunk from whom. Pure: no I/O, no clock."""

__version__ = "0.1.0"
