"""Prints interpreters for Python versions that a machine lacks; uv fetches them, if it can."""

from __future__ import annotations

import argparse
import subprocess


def main() -> None:
    """Prints a line per version that the command line names and that could be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("versions", nargs="*")
    for version in parser.parse_args().versions:
        fetched = subprocess.run(["uv", "python", "install", "--quiet", version]).returncode == 0
        find = ["uv", "python", "find", "--managed-python", version]
        found = subprocess.run(find, capture_output=True, text=True)
        if fetched and found.returncode == 0:
            print(f"{version}={found.stdout.strip()}")


if __name__ == "__main__":
    main()
