"""What a setting may be: checks values of arguments, of files and of environment variables. Pure.

A kind has four ways in and out. `check` takes a value as a call is given it. `read` takes a value
as TOML has it, and `parse` the text of a variable. `toml` writes a value so that `read` takes it.
All but the last raise `ValueError` with what to use instead.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from xfd_api.quantities import bytes_of, seconds_of

MOST_WHOLE = 2**31 - 1
"""The largest whole number that the data plane counts to."""

_MOST = 2**63 - 1
"""The largest number of bytes or seconds."""

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Kind(ABC):
    """See the module."""

    @property
    @abstractmethod
    def allowed(self) -> str:
        """What a value may be, in words for a table."""

    @abstractmethod
    def check(self, value: Any) -> Any:
        """The value of an argument, as it is used."""

    def read(self, value: Any) -> Any:
        """The value of a file, as it is used."""
        return self.check(value)

    @abstractmethod
    def parse(self, text: str) -> Any:
        """The value of a variable, as it is used."""

    def toml(self, value: Any) -> str:
        """The value as a file has it."""
        return _quoted(value) if isinstance(value, str) else str(value)


class Whole(Kind):
    """A whole number from `least` to `MOST_WHOLE`."""

    def __init__(self, least: int = 1) -> None:
        self.least = least

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return f"a whole number, {self.least} to {MOST_WHOLE}"

    def check(self, value: Any) -> int:
        """See `Kind`."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise _instead(self)
        if not self.least <= value <= MOST_WHOLE:
            raise _instead(self)
        return value

    def parse(self, text: str) -> int:
        """See `Kind`."""
        return self.check(int(text) if re.fullmatch(r"\s*\d{1,20}\s*", text) else None)


class Number(Kind):
    """A number of at least `least`, or above it, and of `most` at most."""

    def __init__(self, least: float = 0.0, *, above: bool = False, most: float = math.inf) -> None:
        self.least, self.above, self.most = least, above, most

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return f"a number, {self._bounds}"

    @property
    def _bounds(self) -> str:
        least = f"more than {self.least:g}" if self.above else f"{self.least:g} or more"
        return least if self.most == math.inf else f"{least}, {self.most:.0f} at most"

    def check(self, value: Any) -> float:
        """See `Kind`."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _instead(self)
        if isinstance(value, int) and value > _MOST:  # No float may have it.
            raise _instead(self)
        if not self.least <= value <= self.most or (self.above and value == self.least):
            raise _instead(self)
        return value

    def read(self, value: Any) -> float:
        """See `Kind`. A file's numbers are finite."""
        if value in (math.inf, -math.inf):
            raise _instead(self)
        return self.check(value)

    def parse(self, text: str) -> float:
        """See `Kind`."""
        try:
            value: float | None = float(text)
        except ValueError:
            value = None
        return self.read(value)

    def toml(self, value: Any) -> str:
        """See `Kind`."""
        return repr(value)


class Seconds(Number):
    """A time; a file or a variable may write it with a unit."""

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return f'seconds, {self._bounds}, such as 90, "15m", "36h" or "30d"'

    def read(self, value: Any) -> float:
        """See `Kind`."""
        return self.parse(value) if isinstance(value, str) else super().read(value)

    def parse(self, text: str) -> float:
        """See `Kind`."""
        try:
            return super().read(float(text))
        except ValueError:
            pass
        try:
            return self.check(seconds_of(text))
        except ValueError:
            raise _instead(self) from None


class Size(Kind):
    """A number of bytes; a file or a variable may write it with a unit."""

    def __init__(self, most: int = _MOST, *, per_second: bool = False) -> None:
        self.most, self.per_second = most, per_second

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        what = "bytes per second" if self.per_second else "bytes"
        most = "" if self.most == _MOST else f", {self.most} at most"
        return f'{what} of 1 or more{most}, such as 67108864 or "64MiB"'

    def check(self, value: Any) -> int:
        """See `Kind`."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise _instead(self)
        if not 1 <= value <= self.most:
            raise _instead(self)
        return value

    def read(self, value: Any) -> int:
        """See `Kind`."""
        return self.parse(value) if isinstance(value, str) else self.check(value)

    def parse(self, text: str) -> int:
        """See `Kind`. Plain numbers may have a fraction or an exponent, as rates do."""
        try:
            return self.check(int(text) if text.strip().isdecimal() else int(float(text)))
        except (ValueError, OverflowError):
            pass
        try:
            size = bytes_of(text)
        except ValueError:
            raise _instead(self) from None
        return self.check(size)


class Flag(Kind):
    """True or false."""

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return "true or false"

    def check(self, value: Any) -> bool:
        """See `Kind`."""
        if not isinstance(value, bool):
            raise _instead(self)
        return value

    def parse(self, text: str) -> bool:
        """See `Kind`."""
        lowered = text.strip().lower()
        if lowered not in (*_TRUE, *_FALSE):
            raise _instead(self)
        return lowered in _TRUE

    def toml(self, value: Any) -> str:
        """See `Kind`."""
        return str(value).lower()


class Choice(Kind):
    """One of some words; with `or_number` also a whole number of at least 1."""

    def __init__(self, *choices: str, or_number: bool = False) -> None:
        self.choices, self.or_number = choices, or_number

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        words = ", ".join(f'"{choice}"' for choice in self.choices)
        return f"one of {words}" + (", or a whole number of 1 or more" if self.or_number else "")

    def check(self, value: Any) -> Any:
        """See `Kind`. A member of an enumeration of text counts as its text."""
        is_number = self.or_number and isinstance(value, int) and not isinstance(value, bool)
        is_word = isinstance(value, str) and value in self.choices
        if not is_word and not (is_number and value >= 1):
            raise _instead(self)
        return value

    def parse(self, text: str) -> Any:
        """See `Kind`."""
        word = text.strip()
        return self.check(int(word) if self.or_number and word.isdecimal() else word)


class Ports(Kind):
    """The first and the last port of a range."""

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return 'the first and the last port, as [7000, 7099], "7000-7099" or "7000"'

    def check(self, value: Any) -> tuple[int, int]:
        """See `Kind`."""
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise _instead(self)
        first, last = value
        if not all(isinstance(port, int) and not isinstance(port, bool) for port in value):
            raise _instead(self)
        if not 0 < first <= last < 2**16:
            raise _instead(self)
        return first, last

    def read(self, value: Any) -> tuple[int, int]:
        """See `Kind`."""
        return self.parse(value) if isinstance(value, str) else self.check(value)

    def parse(self, text: str) -> tuple[int, int]:
        """See `Kind`."""
        match = re.fullmatch(r"\s*(\d{1,5})\s*(?:-\s*(\d{1,5})\s*)?", text)
        return self.check(() if match is None else (int(match[1]), int(match[2] or match[1])))

    def toml(self, value: Any) -> str:
        """See `Kind`."""
        return f"[{value[0]}, {value[1]}]"


class NodeChoice(Kind):
    """Ray node ids, or labels that a node must have."""

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return 'node ids as ["ID", ...], or labels as {LABEL = "VALUE"} or "LABEL=VALUE,..."'

    def check(self, value: Any) -> Any:
        """See `Kind`. What else a call takes is checked where nodes are selected."""
        return value

    def read(self, value: Any) -> Any:
        """See `Kind`."""
        if isinstance(value, str):
            return self.parse(value)
        texts = [*value, *value.values()] if isinstance(value, Mapping) else value
        is_known = isinstance(value, Mapping | list) and value
        if not is_known or not all(isinstance(text, str) and text for text in texts):
            raise _instead(self)
        return dict(value) if isinstance(value, Mapping) else list(value)

    def parse(self, text: str) -> Any:
        """See `Kind`."""
        words = [word.strip() for word in text.split(",") if word.strip()]
        if words and all("=" in word for word in words):
            pairs = (word.split("=", 1) for word in words)
            return self.read({name.strip(): value.strip() for name, value in pairs})
        if any("=" in word for word in words):
            raise _instead(self)
        return self.read(words)

    def toml(self, value: Any) -> str:
        """See `Kind`."""
        if isinstance(value, Mapping):
            pairs = (f"{_quoted(name)} = {_quoted(text)}" for name, text in value.items())
            return f"{{ {', '.join(pairs)} }}"
        return f"[{', '.join(map(_quoted, value))}]"


class Text(Kind):
    """Any text, for settings that only variables have."""

    def __init__(self, what: str) -> None:
        self.what = what

    @property
    def allowed(self) -> str:
        """See `Kind`."""
        return self.what

    def check(self, value: Any) -> str:
        """See `Kind`."""
        if not isinstance(value, str):
            raise _instead(self)
        return value

    def parse(self, text: str) -> str:
        """See `Kind`."""
        return text


def _instead(kind: Kind) -> ValueError:
    return ValueError(f"Use {kind.allowed}")


def _quoted(text: str) -> str:
    """A basic string of TOML: as in JSON, but beyond 16 bits. What cannot be seen is escaped."""
    import json  # Needed to print settings alone.

    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(each if each.isprintable() else _escaped(ord(each)) for each in quoted)


def _escaped(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
