"""Measures what metrics cost on a real Ray cluster."""
