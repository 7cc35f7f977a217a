"""A driver's side of a lease."""
