"""Ray Data pipelines whose stages find their files on every node."""

__version__ = "0.1.0"
