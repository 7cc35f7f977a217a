"""Checks the installed packages named on the command line: imports, versions, pins, type markers.

Run by a clean environment's own Python, which has no test library.
"""

import importlib
import importlib.metadata
import re
import sys
from pathlib import Path


def main(packages: list[str]) -> int:
    """Prints a line per package; 1 where something does not agree."""
    wrong: list[str] = []
    versions = {name: importlib.metadata.version(name) for name in packages}
    if len(set(versions.values())) != 1:
        wrong.append(f"versions differ: {versions}")
    for name in packages:
        module = importlib.import_module(name.replace("-", "_"))
        version = getattr(module, "__version__", None)
        pins = [
            requirement.split(";")[0].strip()
            for requirement in importlib.metadata.requires(name) or []
            if requirement.startswith("xfd-")
        ]
        print(f"{name} {versions[name]}: imports, pins {', '.join(pins) or 'nothing'}")
        if version != versions[name]:
            wrong.append(f"{name}.__version__ is {version}, its metadata say {versions[name]}")
        for pin in pins:
            other, _, pinned = re.sub(r"\[.*\]", "", pin).partition("==")  # Without its extras.
            if pinned != versions.get(other):
                wrong.append(f"{name} wants {pin}, installed is {versions.get(other)}")
        folder = Path(str(module.__file__)).parent
        if not (folder / "py.typed").exists():
            wrong.append(f"{name} has no py.typed")
        files = importlib.metadata.files(name) or []
        if not any(file.name == "LICENSE" for file in files):
            wrong.append(f"{name} has no LICENSE")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
