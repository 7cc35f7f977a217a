"""Decides which node fetches which chunk, and from which source."""
