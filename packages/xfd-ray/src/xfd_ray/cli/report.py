"""`xfd report`: shows a saved report as text, as JSON, as a page, or as a trace."""

from __future__ import annotations

import argparse
import sys

from xfd_dataplane.cli import codes, output
from xfd_ray.cli.command_parser import Commands, add_command

_EXAMPLES = """\
  xfd report run.json                      the table of the nodes, and what they moved
  xfd report run.json -o report.html       one page with the time line, to look at and to send
  xfd report run.json -o - | upload-it     the page to standard output
  xfd report run.json --trace run.trace.json   the same for ui.perfetto.dev
  xfd report run.json --json | jq .nodes   the report itself, after its form was checked
"""


def add(commands: Commands) -> None:
    """Adds the command."""
    parser = add_command(
        commands,
        "report",
        _run,
        help="show a saved report as text, as a page or as a trace",
        description="Shows a report that DistributionReport.save has written: as text, as one\n"
        "HTML page that loads nothing, or as a trace for ui.perfetto.dev.",
        examples=_EXAMPLES,
        on_cluster=False,
    )
    parser.add_argument("report", metavar="RUN.json", help="a saved report")
    parser.add_argument(
        "-o", "--output", metavar="PAGE.html", help="write the page here; - is standard output"
    )
    parser.add_argument(
        "--trace", metavar="TRACE.json", help="write a trace here, to open in ui.perfetto.dev"
    )
    parser.add_argument("--title", default="xfd report", help="the page's title")


def _run(options: argparse.Namespace) -> int:
    from xfd_api.errors import InvalidRequestError
    from xfd_api.results import DistributionReport

    if [options.output == "-", options.trace == "-", options.json].count(True) > 1:
        raise InvalidRequestError(
            "Two documents cannot both go to standard output",
            remedy="Give -o or --trace a file, or leave out --json",
        )
    report = DistributionReport.load(options.report)
    if options.output is not None:
        from xfd_ray.report_page import report_page

        _write(options.output, report_page(report, title=options.title))
    if options.trace is not None:
        import json

        from xfd_ray.report_trace import chrome_trace

        _write(options.trace, json.dumps(chrome_trace(report)) + "\n")
    if options.json:
        output.as_json(report.to_dict())
    elif options.output is None and options.trace is None:
        from xfd_ray.cli.tables import text_width
        from xfd_ray.report_format import report_text

        sys.stdout.write(report_text(report, width=text_width()) + "\n")
    return codes.OK


def _write(place: str, text: str) -> None:
    from xfd_api.whole_file import write_whole

    if place == "-":
        sys.stdout.buffer.write(text.encode())
    else:
        write_whole(place, text)
