"""Fetches, verifies, serves and unpacks large objects; alone on one host or in a swarm."""

__version__ = "0.1.0"
