"""docs/cli.md, made from the parsers of `xfd`.

    python -m xfd_testing.documents.command_page

writes it. A test compares the two.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

DOCUMENT = Path("docs/cli.md")

INTRODUCTION = """\
# The command xfd

`xfd` comes with `pip install xfd-ray`. It is used where a driver of Ray may run: on a node, in a
Ray job, or on a machine that reaches the cluster by `ray://`. Its words, options and exit codes are
those of `xfd-get`, which fetches to one host without Ray. An old viewer of X11 fonts, in Debian's
`x11-utils`, is called `xfd` too: if your shell finds that one, `python -m xfd_ray` always works.

This page is made from the parsers of the command. `xfd COMMAND --help` shows the same.
"""


def page(parser: argparse.ArgumentParser) -> str:
    """The page in Markdown."""
    commands = list(commands_of(parser))
    rows = [f"| [`{name}`](#{_anchor(name)}) | {_one_line(what)} |" for name, what, _ in commands]
    index = "\n".join(["| command | what it does |", "|---|---|", *rows])
    codes = "\n".join(["| code | meaning |", "|---|---|", *_codes(parser)])
    sections = [_section(name, below) for name, _, below in commands]
    return "\n\n".join([INTRODUCTION + "\n" + index, *sections, f"## Exit codes\n\n{codes}"]) + "\n"


def commands_of(
    parser: argparse.ArgumentParser, above: str = "xfd"
) -> Iterator[tuple[str, str, argparse.ArgumentParser]]:
    """Each command that does something: its name, its help on one line, its parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {each.dest: each.help or "" for each in action._choices_actions}
            for name, below in action.choices.items():
                nested = list(commands_of(below, f"{above} {name}"))
                yield from nested or [(f"{above} {name}", helps.get(name, ""), below)]


def _section(name: str, parser: argparse.ArgumentParser) -> str:
    rows = [
        f"| {_shown(action)} | {_one_line(_help(action, parser))} |"
        for action in parser._actions
        if action.dest != "help"
    ]
    table = "\n".join(["| argument | what it is |", "|---|---|", *rows])
    examples = (parser.epilog or "").partition("examples:\n")[2].strip("\n")
    lines = [_example(line) for line in examples.splitlines()]
    description = " ".join((parser.description or "").split())
    shown = "\n".join(_wrapped(description))
    return f"## {name}\n\n{shown}\n\n```sh\n" + "\n".join(lines) + f"\n```\n\n{table}"


def _example(line: str) -> str:
    """A line of shell; what an example says after two spaces is a comment.

    >>> _example("  xfd status --watch     again and again")
    'xfd status --watch     # again and again'
    """
    return re.sub(r"(?<=\S)( {2,})(?=\S)", r"\1# ", line.removeprefix("  ").rstrip(), count=1)


def _shown(action: argparse.Action) -> str:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    if metavar is None and action.choices is not None:
        metavar = "{" + ",".join(map(str, action.choices)) + "}"
    value = metavar or action.dest.upper()
    if not action.option_strings:
        return f"`{_escaped(value)}`"
    if action.nargs == 0:
        value = ""
    elif action.nargs == "?":
        value = f" [{value}]"
    else:
        value = f" {value}"
    return f"`{_escaped(', '.join(action.option_strings) + value)}`"


def _help(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    return " ".join((action.help or "").split()).replace("%(prog)s", parser.prog)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _one_line(text: str) -> str:
    """A cell of a table, as it is: `[` begins no link, and `*` no emphasis."""
    return re.sub(r"([*\[])", r"\\\1", _escaped(" ".join(text.split())))


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _codes(parser: argparse.ArgumentParser) -> list[str]:
    listed = (parser.epilog or "").partition("exit codes:\n")[2]
    pairs = (line.split(None, 1) for line in listed.splitlines())
    return [f"| {code} | {meaning} |" for code, meaning in pairs]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False)


def main(root: Path) -> None:
    """Writes the page of the repository at `root`."""
    from xfd_ray.cli.main import make_parser

    (root / DOCUMENT).write_text(page(make_parser()))


if __name__ == "__main__":
    main(Path())
