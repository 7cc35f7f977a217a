"""The settings that hold: of arguments, of the environment, of files, or by default.

An argument precedes an environment variable, which precedes a file, which precedes the default.
None as an argument says nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from xfd_api.configuration.files import SettingsFile, settings_files
from xfd_api.configuration.table import BY_KEY, ENVIRONMENT_ONLY, SECRETS, SETTINGS, Setting
from xfd_api.errors import InvalidRequestError

Source = Literal["environment", "file", "default"]


@dataclass(frozen=True, slots=True)
class Value:
    """A setting's value, and where it comes from.

    Attributes:
        setting: which one.
        value: as it is used; None if there is none.
        source: who says so.
        origin: the variable, `FILE:LINE`, or `default`.
    """

    setting: Setting
    value: Any
    source: Source = "default"
    origin: str = "default"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the environment and the files say.

    Attributes:
        given: the settings that they have, by key.

    Example:
        >>> configuration = load({"XFD_KEEP_S": "600"}, Path("/"))
        >>> configuration.resolve("keep_s"), configuration.resolve("keep_s", 5.0)
        (600.0, 5.0)
    """

    given: Mapping[str, Value] = field(default_factory=dict)

    def value(self, key: str) -> Value:
        """A setting's value if no argument gives one."""
        return self.given.get(key) or Value(BY_KEY[key], BY_KEY[key].default)

    def resolve(self, key: str, argument: Any = None) -> Any:
        """The value to use: the argument, unless it is None."""
        return self.value(key).value if argument is None else argument

    def values(self) -> list[Value]:
        """All settings, in the order of the table."""
        return [self.value(each.key) for each in SETTINGS]

    def table(self, name: str) -> dict[str, Any]:
        """The values of one table of the file, by their names in it; those by default too."""
        return {
            each.name: self.resolve(each.key)
            for each in SETTINGS
            if each.key.startswith(f"{name}.")
        }

    def has_any(self, name: str) -> bool:
        """Whether anybody set something of one table of the file."""
        return any(key.startswith(f"{name}.") for key in self.given)


def load(environ: Mapping[str, str] | None = None, start: Path | None = None) -> Configuration:
    """Reads the environment and the files, and checks all that they say.

    Args:
        environ: the variables; None for those of this process.
        start: the folder to look for a file from; None for the working folder.

    Raises:
        InvalidRequestError: a variable or a file has a value that its setting cannot have, or a
            file has an unknown key, or cannot be read.
    """
    variables = os.environ if environ is None else environ
    if start is None:
        try:
            start = Path.cwd()
        except OSError:  # The working folder was removed.
            start = Path("/")
    given: dict[str, Value] = {}
    for file in reversed(settings_files(variables, start)):
        given.update(_of_file(file))
    given.update(_of_environment(variables))
    return Configuration(given)


def check_file(file: SettingsFile) -> list[InvalidRequestError]:
    """Everything that is wrong with a file; a call raises the first of these."""
    wrong = []
    for key in _keys(file):
        try:
            _in_file(file, key)
        except InvalidRequestError as error:
            wrong.append(error)
    return wrong


def check_value(key: str, value: Any) -> Any:
    """The value of an argument, as it is used.

    Raises:
        InvalidRequestError: the setting cannot have it.
    """
    setting = BY_KEY[key]
    try:
        return setting.kind.check(value)
    except ValueError as error:
        raise InvalidRequestError(f"{setting.name} is {value!r}", remedy=str(error)) from None


def _of_file(file: SettingsFile) -> dict[str, Value]:
    return {key: _in_file(file, key) for key in _keys(file)}


def _keys(file: SettingsFile) -> list[str]:
    """The keys of a file, without tables that have nothing in them."""
    tables = {each.key.rpartition(".")[0] for each in SETTINGS}
    return [key for key, value in file.values.items() if value != {} or key not in tables]


def _in_file(file: SettingsFile, key: str) -> Value:
    setting, given = BY_KEY.get(key), file.values[key]
    if setting is None:
        raise _unknown(file, key)
    if not setting.in_file:
        raise InvalidRequestError(
            f"{file.place(key)}: {key} cannot be in a file: {ENVIRONMENT_ONLY}",
            remedy=f"Set {setting.variable} in the environment",
        )
    try:
        value = setting.kind.read(given)
    except ValueError as error:
        raise InvalidRequestError(
            f"{file.place(key)}: {key} is {given!r}", remedy=str(error)
        ) from None
    return Value(setting, value, "file", file.place(key))


def _of_environment(environ: Mapping[str, str]) -> dict[str, Value]:
    given = {}
    for setting in SETTINGS:
        text = environ.get(setting.variable)
        if not text:  # An empty variable is as good as none; a shell can often do no better.
            continue
        try:
            value = setting.kind.parse(text)
        except ValueError as error:
            raise InvalidRequestError(
                f"{setting.variable} is {text!r}", remedy=f"{error}, or unset it"
            ) from None
        given[setting.key] = Value(setting, value, "environment", setting.variable)
    return given


def _unknown(file: SettingsFile, key: str) -> InvalidRequestError:
    name = key.rpartition(".")[2]
    if name in SECRETS or key.partition(".")[0] in SECRETS:
        return InvalidRequestError(
            f"{file.place(key)}: {key} is a secret, and files of settings have none",
            remedy="Give it to make_for_… in code, or use the store's own chain of credentials",
        )
    known = [each.key for each in SETTINGS if each.in_file]
    if any(each.startswith(f"{key}.") for each in known):
        return InvalidRequestError(
            f"{file.place(key)}: {key} is a table, and no value",
            remedy=f"Write its settings below [{key}]",
        )
    near = nearest(key, known)
    remedy = f"Did you mean {near}?" if near else "`xfd-get config show` prints all of them"
    return InvalidRequestError(f"{file.place(key)}: there is no setting {key}", remedy=remedy)


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """What is said of variables that look like one of a setting, and are none.

    They are no error: variables of other programs, or of another version, may begin so.

    Example:
        >>> unknown_variables({"XFD_KEPP_S": "60", "XFD_KEEP_S": "60"})
        ['XFD_KEPP_S is no setting; did you mean XFD_KEEP_S?']
    """
    known = [each.variable for each in SETTINGS]
    said = []
    for name in sorted(environ):
        if name.startswith("XFD_") and name not in known:
            near = nearest(name, known, likeness=0.8)
            if near is not None:
                said.append(f"{name} is no setting; did you mean {near}?")
    return said


def nearest(name: str, known: Sequence[str], *, likeness: float = 0.6) -> str | None:
    """The known name that is most like this one, with or without its table."""
    import difflib  # Needed for an error alone.

    if close := difflib.get_close_matches(name, known, n=1, cutoff=likeness):
        return close[0]
    last = name.rpartition(".")[2]
    names = {each.rpartition(".")[2]: each for each in known}
    close = difflib.get_close_matches(last, names, n=1, cutoff=likeness)
    return names[close[0]] if close else None
