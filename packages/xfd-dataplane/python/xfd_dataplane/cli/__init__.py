"""The command `xfd-get`."""

from xfd_dataplane.cli.main import main

__all__ = ["main"]
