"""The errors in docs/troubleshooting.md, made from `xfd_api.errors`.

    python -m xfd_testing.documents.troubleshooting

writes them between the two markers of the document. A test compares the two. The groups are the
comments of `xfd_api/errors.py`; the texts come from wherever an error is made.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from xfd_api import errors
from xfd_api.errors import XfdError
from xfd_dataplane.cli.exits import exit_code
from xfd_testing.documents.markers import with_part
from xfd_testing.documents.messages import messages_of

DOCUMENT = Path("docs/troubleshooting.md")
FIRST = "<!-- From xfd_api.errors: run `python -m xfd_testing.documents.troubleshooting`. -->"
LAST = "<!-- End of the errors. -->"

FEW = 8
"""More texts than these are folded; a search finds them all the same."""

MORE = {
    "AccessDeniedError": "[Origins](origins.md) says whose credentials are used.",
    "CredentialsError": "[Origins](origins.md) says where each store's credentials come from.",
    "ClusterConnectionError": "[Operation](operation.md) has clusters that ask for a token.",
    "DiskFullError": "[Caches](operation.md#caches) says how to hold a node to a size.",
    "PeerError": "`xfd doctor --peer-ports 7000-7100` tries the ports between all nodes.",
    "InvalidRequestError": "[Configuration](configuration.md) has all settings.",
    "OriginUnreachableError": "`xfd doctor SOURCE` tries it from each node.",
    "VersionMismatchError": "`xfd doctor` shows the versions of each node.",
}
"""Where to read on."""


def section(root: Path) -> str:
    """All errors in their groups, as Markdown."""
    source = (root / "packages/xfd-api/src/xfd_api/errors.py").read_text()
    classes = list(_classes(source))
    texts = messages_of(root, [name for _, name in classes])
    parts = []
    last = ""
    for group, name in classes:
        if group != last:
            parts.append(f"## {group}")
            last = group
        parts.append(_entry(getattr(errors, name), texts[name]))
    return "\n\n".join(parts)


def _classes(source: str) -> Iterator[tuple[str, str]]:
    """The group and the name of each class, in the order of the module."""
    group = ""
    for found in re.finditer(r"^# ([^\n:.]+)[^\n]*$|^class (\w+)\(", source, re.MULTILINE):
        if found[1]:
            group = found[1].strip()
        else:
            yield group, found[2]


def _entry(kind: type[XfdError], texts: list[str]) -> str:
    builtin = next(each for each in kind.__mro__ if each.__module__ == "builtins")
    do = f"{kind.remedy_by_default or 'What the message says'}. {MORE.get(kind.__name__, '')}"
    also = f"It is also Python's `{builtin.__name__}`. Commands end with exit code"
    lines = [
        f"### {kind.__name__}",
        "",
        _wrapped(" ".join((inspect.getdoc(kind) or "").split())),
        "",
        _wrapped(f"- What to do: {do}", "    "),
        _wrapped(f"- {also} {exit_code(kind(''))}.", "    "),
    ]
    shown = list(map(_html, texts))
    if len(shown) > FEW:
        lines += ["", "<details><summary>Its messages</summary><ul>"]
        lines += [_wrapped(f"<li>{text}</li>") for text in shown]
        lines += ["</ul></details>"]
    elif shown:
        lines += ["- Its messages:", ""]
        lines += [_wrapped(f"    - {_escaped(text)}", " " * 8) for text in shown]
    return "\n".join(lines)


def _wrapped(text: str, below: str = "") -> str:
    """Lines of at most 100 columns; those after the first begin with `below`."""
    wrapper = textwrap.TextWrapper(
        100, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(wrapper.wrap(text))


def _escaped(text: str) -> str:
    return re.sub(r"([*_\[`])", r"\\\1", text)


def _html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def main(root: Path) -> None:
    """Writes the errors of the repository at `root`."""
    document = root / DOCUMENT
    document.write_text(with_part(document.read_text(), FIRST, LAST, section(root)))


if __name__ == "__main__":
    main(Path())
