"""Distributes large files to every node of a Ray cluster."""

__version__ = "0.1.0"
