"""Prints how much every link of the bridge has carried, at intervals, until it is ended.

A line is a JSON list: the time (seconds of the Unix clock), then for each host its name, the bytes
that it received and those that it sent so far, headers included.
"""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

COUNTS = Path("/proc/net/dev")
"""A line for each device: its name, then eight counts of what came in, then eight of what went."""


def main() -> None:
    """To be run in the bridge's network namespace. Argument: seconds between two lines."""
    every_s = float(sys.argv[1])
    with COUNTS.open() as counts:
        while True:
            counts.seek(0)
            line = [time.time(), *sorted(_ports(counts))]
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
            time.sleep(every_s)


def _ports(lines: Iterable[str]) -> Iterator[tuple[str, int, int]]:
    for line in lines:
        device, colon, rest = line.partition(":")
        name = device.strip()
        if colon and name.startswith("p-"):
            values = rest.split()
            # The host receives what the bridge sends into its port.
            yield name[2:], int(values[8]), int(values[0])


main()
