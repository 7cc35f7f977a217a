"""`xfd metrics`: tells Prometheus where the endpoints of xfd's own are (`metrics="port"`)."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfd_dataplane.cli import codes
from xfd_ray.cli.command_parser import Commands, add_command

if TYPE_CHECKING:
    from xfd_ray.metrics.targets import MetricsTarget

PORT = 9399
"""Where `--http-sd` answers."""

EVERY_S = 5.0
"""How often the cluster is asked."""

_EXAMPLES = f"""
  xfd metrics targets                              what may be scraped now
  xfd metrics targets --file /etc/prometheus/xfd.json      for file_sd_configs; goes on until ^C
  xfd metrics targets --file xfd.json --once       write it once, for a cron job
  xfd metrics targets --http-sd                    for http_sd_configs, at http://127.0.0.1:{PORT}/
"""


def add(commands: Commands) -> None:
    """Adds `metrics` and its commands."""
    parser = commands.add_parser(
        "metrics",
        help="tell Prometheus what to scrape",
        description="The endpoints that workers and coordinators have if a call asks for them "
        '(metrics="port"). Nothing of this is needed for Ray\'s own agents, the default.',
        epilog=f"examples:\n{_EXAMPLES.strip(chr(10))}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    below: Commands = parser.add_subparsers(
        dest="subcommand", metavar="COMMAND", required=True, title="commands"
    )
    targets = add_command(
        below,
        "targets",
        _targets,
        help="list the endpoints, as Prometheus' service discovery has them",
        description="Lists the endpoints of xfd's own on the cluster. With --file or --http-sd it "
        "keeps asking the cluster, and Prometheus follows: workers come and go.",
        examples=_EXAMPLES,
    )
    how = targets.add_mutually_exclusive_group()
    how.add_argument("--file", type=Path, metavar="PATH", help="keep this file for file_sd_configs")
    how.add_argument("--http-sd", action="store_true", help="answer http_sd_configs")
    targets.add_argument("--once", action="store_true", help="write the file once, and end")
    targets.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="where --http-sd listens (default: 127.0.0.1)",
    )
    targets.add_argument(
        "--port",
        type=_port,
        default=PORT,
        metavar="N",
        help=f"its port; 0 for a free one (default: {PORT})",
    )
    targets.add_argument(
        "--every",
        type=_seconds,
        default=EVERY_S,
        metavar="SECONDS",
        help=f"how often the cluster is asked (default: {EVERY_S:g})",
    )


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 3600")
    return seconds


def _targets(options: argparse.Namespace) -> int:
    from xfd_api.errors import InvalidRequestError
    from xfd_ray.cli.connection import connected
    from xfd_ray.cluster.coordinator_queries import metrics_targets

    if options.once and options.file is None:
        raise InvalidRequestError("--once has no file to write", remedy="Give --file, or leave it")
    with connected(options):
        if options.file is not None:
            keep_file(options.file, metrics_targets, options.every, once=options.once)
        elif options.http_sd:
            with answering(options.host, options.port) as latest:
                repeat(latest.put, metrics_targets, options.every)
        else:
            _show(metrics_targets(), as_json=options.json)
    return codes.OK


def _show(targets: list[MetricsTarget], *, as_json: bool) -> None:
    from xfd_dataplane.cli import output
    from xfd_ray.metrics.targets import discovery_document

    if as_json:
        for line in discovery_document(targets).splitlines():
            output.say(line)
        return
    for each in sorted(targets):
        output.say(f"{each.address}  {each.role:<11}  {each.host} ({each.node[:8]})")
    if not targets:
        output.complain(
            'no process has an endpoint of its own; calls ask for one by metrics="port"',
            program="xfd",
        )


def keep_file(
    path: Path, ask: Callable[[], list[MetricsTarget]], every_s: float, *, once: bool
) -> None:
    """Writes the targets, and again each time that they have changed; until it is interrupted.

    Raises:
        DestinationNotWritableError: the folder is not there, or cannot be written to.
    """
    from xfd_api.whole_file import write_whole

    def write(document: str) -> None:
        write_whole(path, document + "\n", mode=0o644)  # Prometheus is another user.

    repeat(write, ask, every_s, once=once)


def repeat(
    put: Callable[[str], None],
    ask: Callable[[], list[MetricsTarget]],
    every_s: float,
    *,
    once: bool = False,
) -> None:
    """Asks for the targets again and again, and puts each document that differs from the last.

    A cluster that does not answer keeps the last targets: Prometheus shows them as down.
    """
    from xfd_api.errors import CoordinatorLostError
    from xfd_dataplane.cli import output
    from xfd_ray.metrics.targets import discovery_document

    last: str | None = None
    while True:
        try:
            document = discovery_document(ask())
        except CoordinatorLostError as error:
            if once:
                raise
            output.complain(f"the targets stay as they are: {error}", program="xfd")
        else:
            if document != last:
                put(document)
                last = document
        if once:
            return
        time.sleep(every_s)


class Latest:
    """A WSGI application that answers with the latest document."""

    def __init__(self) -> None:
        self._document = b"[]"

    def put(self, document: str) -> None:
        """Takes the document that is answered from now on."""
        self._document = document.encode()

    def __call__(self, _environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        """See WSGI."""
        start("200 OK", [("Content-Type", "application/json")])
        return [self._document]


@contextmanager
def answering(host: str, port: int) -> Iterator[Latest]:
    """Answers Prometheus' HTTP service discovery while the block lasts.

    Raises:
        InvalidRequestError: the address cannot be listened on.
    """
    from xfd_api.errors import InvalidRequestError
    from xfd_dataplane.cli import output
    from xfd_ray.metrics.endpoint import listen
    from xfd_ray.metrics.server import MetricsServer

    try:
        listening = listen(host, (port, port))
    except OSError as error:
        raise InvalidRequestError(
            f"Nothing can listen on {host}:{port}: {error.strerror or error}",
            remedy="Give another --port or --host",
        ) from error
    latest = Latest()
    with listening:
        server = MetricsServer(listening, latest)
        thread = threading.Thread(target=server.serve_forever, name="xfd-http-sd", daemon=True)
        thread.start()
        address, at = listening.getsockname()[:2]
        shown = f"[{address}]" if ":" in address else address
        output.complain(f"answers at http://{shown}:{at}/", program="xfd")
        try:
            yield latest
        finally:
            server.shutdown()
            thread.join(1.0)
