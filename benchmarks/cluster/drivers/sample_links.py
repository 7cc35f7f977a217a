"""Prints what every link of the bridge has carried, again and again, until it is ended.

A line is a JSON list: the time (seconds of the Unix clock), then for each host its name, the bytes
that it received and those that it sent so far, headers included.
"""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """To be run in the bridge's network namespace. Argument: seconds between two lines."""
    every_s = float(sys.argv[1])
    ports = sorted(Path("/sys/class/net").glob("p-*"))
    while True:
        line: list[object] = [time.time()]
        for port in ports:
            # What the bridge sends into a port is what the host behind it receives.
            counts = [
                int((port / "statistics" / f"{way}_bytes").read_text()) for way in ("tx", "rx")
            ]
            line.append([port.name[2:], *counts])
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        time.sleep(every_s)


main()
