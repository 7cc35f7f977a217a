"""Which node fetches which chunk, and from where."""
