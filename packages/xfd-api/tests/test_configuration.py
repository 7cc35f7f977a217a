"""Settings by argument, variable and file: which one holds, and what is refused."""

from __future__ import annotations

import os
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xfd_api.configuration import SETTINGS, Configuration, Value, load
from xfd_api.configuration.configuration import check_file, nearest
from xfd_api.configuration.files import read_settings
from xfd_api.configuration.kinds import (
    MOST_WHOLE,
    Choice,
    Flag,
    NodeChoice,
    Number,
    Ports,
    Size,
    Whole,
)
from xfd_api.configuration.rendering import as_documents, as_toml
from xfd_api.configuration.table import BY_KEY
from xfd_api.errors import InvalidRequestError
from xfd_api.node_configuration import node_settings
from xfd_api.sanitize import sanitized
from xfd_api.settings import NodeSettings, UnpackCaps
from xfd_api.traffic import Prices
from xfd_testing.documents import settings as document
from xfd_testing.documents.markers import with_part

ROOT = Path(__file__).parents[3]
MIB = 2**20


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The variables of a user who has no settings, with a home above the project."""
    return {"HOME": str(tmp_path)}


def project(tmp_path: Path, text: str, name: str = "xfd.toml") -> Path:
    """A repository with this file, and a folder in it to work in."""
    folder = tmp_path / "repository" / "deep" / "down"
    folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / "repository" / ".git").mkdir(exist_ok=True)
    (tmp_path / "repository" / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("argument", "variable", "in_project", "in_user", "value", "source"),
    [
        (1.0, "2", "keep_s = 3", "keep_s = 4", 1.0, "environment"),
        (None, "2", "keep_s = 3", "keep_s = 4", 2.0, "environment"),
        (None, "", "keep_s = 3", "keep_s = 4", 3, "file"),
        (None, None, "keep_s = 3", "keep_s = 4", 3, "file"),
        (None, None, "deadline_s = 3", "keep_s = 4", 4, "file"),
        (None, None, None, "keep_s = 4", 4, "file"),
        (None, None, None, None, 60.0, "default"),
        (0.0, None, None, "keep_s = 4", 0.0, "file"),
    ],
)
def test_the_nearest_word_holds(
    argument: float | None,
    variable: str | None,
    in_project: str | None,
    in_user: str | None,
    value: float,
    source: str,
    tmp_path: Path,
    home: dict[str, str],
) -> None:
    folder = project(tmp_path, in_project or "")
    if in_user is not None:
        (tmp_path / ".config" / "xfd").mkdir(parents=True)
        (tmp_path / ".config" / "xfd" / "xfd.toml").write_text(in_user)
    if variable is not None:
        home["XFD_KEEP_S"] = variable

    configuration = load(home, folder)

    assert configuration.resolve("keep_s", argument) == value
    assert configuration.value("keep_s").source == source


def test_the_search_goes_up_to_the_repository(tmp_path: Path, home: dict[str, str]) -> None:
    (tmp_path / "xfd.toml").write_text("keep_s = 1")
    folder = project(tmp_path, "")

    assert load(home, folder).resolve("keep_s") == 60.0  # The empty file of the repository.
    (tmp_path / "repository" / "xfd.toml").unlink()
    assert load(home, folder).resolve("keep_s") == 60.0
    assert load(home, tmp_path).resolve("keep_s") == 1


def test_a_table_of_pyproject_is_read_unless_there_is_a_file(
    tmp_path: Path, home: dict[str, str]
) -> None:
    text = '[project]\nname = "xfd-user"\n[tool.xfd]\nkeep_s = 5\n[tool.xfd.node]\nattempts = 2\n'
    folder = project(tmp_path, text, "pyproject.toml")
    (folder / "pyproject.toml").write_text('[project]\nname = "uses-xfd"\n')

    configuration = load(home, folder)

    assert configuration.resolve("keep_s") == 5
    path = tmp_path / "repository" / "pyproject.toml"
    assert configuration.value("keep_s").origin == f"{path}:4"
    assert configuration.value("node.attempts").origin == f"{path}:6"
    (tmp_path / "repository" / "xfd.toml").write_text("deadline_s = 1")
    assert load(home, folder).resolve("keep_s") == 60.0


def test_one_file_can_be_named(tmp_path: Path, home: dict[str, str]) -> None:
    folder = project(tmp_path, "keep_s = 3")
    (tmp_path / "other.toml").write_text("deadline_s = 4")

    configuration = load({**home, "XFD_CONFIG": str(tmp_path / "other.toml")}, folder)

    assert (configuration.resolve("keep_s"), configuration.resolve("deadline_s")) == (60.0, 4)
    assert load({**home, "XFD_CONFIG": "/dev/null"}, folder).resolve("keep_s") == 60.0
    with pytest.raises(InvalidRequestError, match="No such file"):
        load({**home, "XFD_CONFIG": str(tmp_path / "none")}, folder)


def test_a_file_of_a_windows_editor_is_read(tmp_path: Path, home: dict[str, str]) -> None:
    folder = project(tmp_path, "")
    path = tmp_path / "repository" / "xfd.toml"
    path.write_bytes("\ufeff# One\u2028line\r\nkeep_s = 3\r\n".encode())

    assert load(home, folder).value("keep_s").origin == f"{path}:2"


@pytest.mark.parametrize(
    ("text", "what"), [("tool = 5 # xfd", "no table"), ("tool.xfd = 5", "no table")]
)
def test_a_pyproject_without_tables_is_named(
    text: str, what: str, tmp_path: Path, home: dict[str, str]
) -> None:
    folder = project(tmp_path, text, "pyproject.toml")
    with pytest.raises(InvalidRequestError, match=what) as caught:
        load(home, folder)
    assert caught.value.path == str(tmp_path / "repository" / "pyproject.toml")


def test_the_home_of_nobody_is_no_file(tmp_path: Path, home: dict[str, str]) -> None:
    with pytest.raises(InvalidRequestError, match="No such file"):
        load({**home, "XFD_CONFIG": "~nobody-has-this-name/xfd.toml"}, tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
@pytest.mark.parametrize(
    ("mode", "owner", "is_read"), [(0o1777, 12345, False), (0o755, 12345, True), (0o1777, 0, True)]
)
def test_a_file_that_a_stranger_left_is_not_read(
    mode: int, owner: int, is_read: bool, tmp_path: Path, home: dict[str, str]
) -> None:
    shared = tmp_path / "shared"
    (shared / "work").mkdir(parents=True)
    (shared / "xfd.toml").write_text("keep_s = 5")
    shared.chmod(mode)
    os.chown(shared / "xfd.toml", owner, -1)

    assert (load(home, shared / "work").resolve("keep_s") == 5) is is_read


GOOD = {
    "chunk_size_bytes": [("16777216", 16 * MIB), ('"16MiB"', 16 * MIB)],
    "node_parallelism": [("1", 1)],
    "nodes": [
        ('["one", "two"]', ["one", "two"]),
        ('{ "a.b/c" = "d" }', {"a.b/c": "d"}),
        ('"zone=a, disk=nvme"', {"zone": "a", "disk": "nvme"}),
    ],
    "on_version_conflict": [('"wait"', "wait")],
    "origin_policy": [('"once-per-zone"', "once-per-zone"), ("3", 3)],
    "peer_tls": [("false", False), ("true", True)],
    "peer_ports": [
        ("[7000, 7099]", (7000, 7099)),
        ('"7000-7099"', (7000, 7099)),
        ('"7000"', (7000, 7000)),
    ],
    "deadline_s": [("0", 0), ("1.5", 1.5), ('"15m"', 900.0)],
    "node.cache_max_age_s": [('"30d"', 2_592_000.0)],
    "metrics": [('"both"', "both")],
    "node.upload_bytes_per_s": [('"1.5MiB"', 3 * MIB // 2)],
    "node.verify_whole": [("true", True)],
    "unpack.max_ratio": [("1.0", 1.0)],
    "rates.origin": [('"1GiB"', 2**30), ("1", 1)],
    "prices.origin_per_gb": [("0.09", 0.09)],
}


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [(key, *case) for key, cases in GOOD.items() for case in cases],
)
def test_a_file_may_say_so(
    key: str, text: str, value: Any, tmp_path: Path, home: dict[str, str]
) -> None:
    folder = project(tmp_path, f"{key} = {text}\n")
    assert load(home, folder).resolve(key) == value


BAD = [
    ("keep = 1", "there is no setting keep", "Did you mean keep_s?"),
    ("\nattempts = 1", ":2: there is no setting attempts", "Did you mean node.attempts?"),
    ("[node]\nkeep_s = 1", ":2: there is no setting node.keep_s", "Did you mean keep_s?"),
    ("qqqq = 1", "no setting qqqq", "config show"),
    ("[nodes.x]\ny = 1", "nodes is", "node ids"),
    ("[nodd]", "no setting nodd", "Did you mean"),
    ("node = 3", ":1: node is a table", "below [node]"),
    ("[[node]]\nattempts = 3", "node is a table", "below [node]"),
    ("keep_s = -1", "keep_s is -1", "seconds, 0 or more"),
    ("keep_s = nan", "keep_s is nan", "0 or more"),
    ("keep_s = inf", "keep_s is inf", "0 or more"),
    ('keep_s = "long"', "keep_s is 'long'", "seconds, 0 or more"),
    ("keep_s = true", "keep_s is True", "seconds, 0 or more"),
    ("node_parallelism = 0", "node_parallelism is 0", "a whole number, 1 to 2147483647"),
    ("node.attempts = 2147483648", "attempts is 2147483648", "1 to 2147483647"),
    ("keep_s = 1" + "0" * 400, "keep_s is 1000", "seconds, 0 or more"),
    ("rates.up = 1" + "0" * 400, "rates.up is 1000", "bytes per second"),
    (f'rates.up = "1{"0" * 400}"', "rates.up is '1000", "bytes per second"),
    ("node_parallelism = 1.0", "node_parallelism is 1.0", "a whole number"),
    ('chunk_size_bytes = "101MiB"', "chunk_size_bytes is '101MiB'", "104857600 at most"),
    ('chunk_size_bytes = "much"', "chunk_size_bytes is 'much'", "such as"),
    ("chunk_size_bytes = 0", "chunk_size_bytes is 0", "1 or more"),
    ('durability = "full"', "durability is 'full'", '"object", "none"'),
    ("origin_policy = true", "origin_policy is True", "once-per-cluster"),
    ("origin_policy = 0", "origin_policy is 0", "once-per-cluster"),
    ("peer_tls = 1", "peer_tls is 1", "true or false"),
    ("peer_ports = [2, 1]", "peer_ports is [2, 1]", "the first and the last port"),
    ('peer_ports = "7000-"', "peer_ports is '7000-'", "7000-7099"),
    ("nodes = []", "nodes is []", "node ids"),
    ("nodes = { a = 1 }", "nodes is {'a': 1}", "labels"),
    ("unpack.max_ratio = 0.5", "unpack.max_ratio is 0.5", "1 or more"),
    ("node.connect_timeout_s = 0", "connect_timeout_s is 0", "more than 0"),
    ("rates.up = 0", "rates.up is 0", "bytes per second"),
    ('root = "/data"', "root cannot be in a file", "Set XFD_ROOT"),
    ('log = "debug"', "log cannot be in a file", "Set XFD_LOG"),
    ('node.token = "hunter2"', "is a secret", "chain of credentials"),
    ('secret_access_key = "hunter2"', "is a secret", "chain of credentials"),
    ("keep_s = ", "no TOML", "Correct that line"),
    ("keep_s = 1\nkeep_s = 2", "no TOML", "Correct that line"),
    ("keep_s = " + "[" * 9000, "no TOML", "Correct that line"),
]


@pytest.mark.parametrize(("text", "what", "remedy"), BAD, ids=[text for text, *_ in BAD])
def test_a_file_that_is_wrong_is_refused(
    text: str, what: str, remedy: str, tmp_path: Path, home: dict[str, str]
) -> None:
    folder = project(tmp_path, text)

    with pytest.raises(InvalidRequestError) as caught:
        load(home, folder)

    assert what in caught.value.what
    assert remedy in (caught.value.remedy or "")
    assert str(tmp_path / "repository" / "xfd.toml") in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_that_is_wrong_with_a_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "xfd.toml"
    path.write_text('keep = 1\nkeep_s = 2\ndurability = "full"\n')

    assert [error.what for error in check_file(read_settings(path))] == [
        f"{path}:1: there is no setting keep",
        f"{path}:3: durability is 'full'",
    ]


@pytest.mark.parametrize(
    ("variable", "text", "key", "value"),
    [
        ("XFD_CHUNK_SIZE_BYTES", "8MiB", "chunk_size_bytes", 8 * MIB),
        ("XFD_NODES", "zone=a", "nodes", {"zone": "a"}),
        ("XFD_NODES", "one,two", "nodes", ["one", "two"]),
        ("XFD_ORIGIN_POLICY", "2", "origin_policy", 2),
        ("XFD_PEER_PORTS", "7000-7001", "peer_ports", (7000, 7001)),
        ("XFD_NODE_ATTEMPTS", " 3 ", "node.attempts", 3),
        ("XFD_NODE_VERIFY_WHOLE", "yes", "node.verify_whole", True),
        ("XFD_NODE_VERIFY_WHOLE", "0", "node.verify_whole", False),
        ("XFD_PEER_TLS", "off", "peer_tls", False),
        ("XFD_DOWN_BYTES_PER_S", "5e6", "rates.down", 5_000_000),
        ("XFD_UNPACK_MAX_BYTES", "1G", "unpack.max_bytes", 2**30),
        ("XFD_LOG", "debug", "log", "debug"),
        ("XFD_KEEP_S", "2h", "keep_s", 7200.0),
        ("XFD_CACHE_QUOTA", str(2**63 - 1), "node.cache_quota_bytes", 2**63 - 1),
        ("XFD_CACHE_QUOTA", "500GiB", "node.cache_quota_bytes", 500 * 2**30),
        ("XFD_METRICS_PORTS", "9300-9310", "metrics_ports", (9300, 9310)),
    ],
)
def test_a_variable_may_say_so(variable: str, text: str, key: str, value: Any) -> None:
    found = load({variable: text}, Path("/")).value(key)

    assert (found.value, found.source, found.origin) == (value, "environment", variable)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("XFD_KEEP_S", "long"),
        ("XFD_KEEP_S", "nan"),
        ("XFD_NODE_READ_TIMEOUT_S", "1e10"),
        ("XFD_KEEP_S", "9" * 400),
        ("XFD_KEEP_S", "9" * 400 + "d"),
        ("XFD_NODE_ATTEMPTS", "9" * 5000),
        ("XFD_NODE_MEMORY_BUDGET_BYTES", "1e30"),
        ("XFD_NODE_MEMORY_BUDGET_BYTES", "9" * 400),
        ("XFD_NODE_ATTEMPTS", "1.5"),
        ("XFD_UP_BYTES_PER_S", "fast"),
        ("XFD_UP_BYTES_PER_S", "inf"),
        ("XFD_PEER_TLS", "perhaps"),
        ("XFD_NODE_VERIFY_WHOLE", "maybe"),
        ("XFD_NODES", "a=b,c"),
        ("XFD_ORIGIN_POLICY", "often"),
        ("XFD_LOG", "loud"),
        ("XFD_PROGRESS", "Bar"),
    ],
)
def test_a_variable_that_is_wrong_is_refused(variable: str, text: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{variable} is '{text}'") as caught:
        load({variable: text}, Path("/"))
    assert "or unset it" in (caught.value.remedy or "")


def test_defaults_are_those_of_the_data_plane() -> None:
    assert node_settings(Configuration()) == NodeSettings()
    assert UnpackCaps(**Configuration().table("unpack")) == UnpackCaps()


def test_every_field_can_be_configured() -> None:
    own = {"root", "hub_cache", "unpack_caps", "node_parallelism"}
    for table, kind, left_out in (
        ("node", NodeSettings, own),
        ("unpack", UnpackCaps, set()),
        ("prices", Prices, set()),
    ):
        names = {each.name for each in fields(kind)} - left_out
        assert set(Configuration().table(table)) == names


def test_what_a_call_gives_precedes_what_is_configured() -> None:
    configuration = load(
        {"XFD_NODE_ATTEMPTS": "2", "XFD_NODE_PARALLELISM": "3", "XFD_UNPACK_MAX_RATIO": "9"},
        Path("/"),
    )

    settings = node_settings(configuration, attempts=5, unpack={"max_entries": 7})

    assert (settings.attempts, settings.node_parallelism) == (5, 3)
    assert settings.unpack_caps == UnpackCaps(max_entries=7, max_ratio=9.0)


def test_a_variable_that_a_node_reads_does_not_travel(tmp_path: Path, home: dict[str, str]) -> None:
    folder = project(tmp_path, 'node.cache_quota_bytes = "1GiB"')

    assert node_settings(load(home, folder)).cache_quota_bytes == 2**30
    home["XFD_CACHE_QUOTA"] = "2GiB"
    assert node_settings(load(home, folder)).cache_quota_bytes is None


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"connect_timeout_s": float("inf")}, "connect_timeout_s is inf"),
        ({"relay_wait_s": 1e300}, "relay_wait_s is 1e+300"),
        ({"attempts": 10**12}, "attempts is 1000000000000"),
        ({"attempts": 0}, "attempts is 0"),
        ({"read_timeout_s": -1.0}, "read_timeout_s is -1.0"),
    ],
)
def test_settings_in_code_are_checked_by_the_same_table(given: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(why)):
        NodeSettings(**given)


def test_a_name_without_its_table_is_near() -> None:
    assert nearest("max_ratios", ["keep_s", "unpack.max_ratio"]) == "unpack.max_ratio"
    assert nearest("qqq", ["keep_s"]) is None


TEXT = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)


def values_of(key: str) -> st.SearchStrategy[Any]:
    """Values that a setting may have."""
    kind = BY_KEY[key].kind
    number = st.floats(1.5, 1e12) | st.integers(2, 10**9)
    match kind:
        case Whole():
            return st.integers(kind.least, MOST_WHOLE)
        case Number():
            return number.filter(lambda value: value <= kind.most)
        case Size():
            return st.integers(1, kind.most)
        case Flag():
            return st.booleans()
        case Choice():
            choices = st.sampled_from(kind.choices)
            return choices | st.integers(1, 99) if kind.or_number else choices
        case Ports():
            return st.tuples(st.integers(1, 999), st.integers(999, 65535))
        case NodeChoice():
            return st.lists(TEXT, min_size=1) | st.dictionaries(TEXT, TEXT, min_size=1)
    raise AssertionError(f"no values for {key}")


IN_FILES = [each.key for each in SETTINGS if each.in_file]


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional={key: values_of(key) for key in IN_FILES}))
def test_what_is_shown_can_be_read_back(
    tmp_path_factory: pytest.TempPathFactory, chosen: dict[str, Any]
) -> None:
    shown = Configuration({key: Value(BY_KEY[key], value) for key, value in chosen.items()})
    path = tmp_path_factory.getbasetemp() / "shown.toml"
    text = as_toml(shown.values(), origins=True)
    # A terminal gets it line by line, with what is unfit for it escaped.
    path.write_text("".join(f"{sanitized(line)}\n" for line in text.splitlines()))

    read = load({"XFD_CONFIG": str(path)}, Path("/"))

    assert {key: read.resolve(key) for key in IN_FILES} == {
        key: shown.resolve(key) for key in IN_FILES
    }


def test_the_name_of_a_folder_is_no_setting(tmp_path: Path, home: dict[str, str]) -> None:
    folder = project(tmp_path / "x\nkeep_s = 1 #", "deadline_s = 5")
    shown = as_toml(load(home, folder).values(), origins=True)
    assert "deadline_s = 5  # " in shown
    (tmp_path / "shown.toml").write_text(shown)
    assert read_settings(tmp_path / "shown.toml").values["keep_s"] == 60.0


def test_the_settings_for_a_program_have_their_origins() -> None:
    shown = {each["key"]: each for each in as_documents(load({"XFD_KEEP_S": "5"}).values())}

    assert (shown["keep_s"]["value"], shown["keep_s"]["origin"]) == (5.0, "XFD_KEEP_S")
    assert shown["deadline_s"]["value"] is None
    assert len(shown) == len(SETTINGS)


def test_the_table_is_the_one_of_the_documents() -> None:
    """After a change: `python -m xfd_testing.documents.settings`."""
    text = (ROOT / document.DOCUMENT).read_text()
    table = document.table_of(SETTINGS)
    assert with_part(text, document.FIRST, document.LAST, table) == text


def test_the_example_of_the_documents_is_right() -> None:
    example = ROOT / "docs" / "xfd.toml"

    assert check_file(read_settings(example)) == []
    assert f"```toml\n{example.read_text()}```" in (ROOT / document.DOCUMENT).read_text()


def test_every_setting_has_a_variable_of_its_own() -> None:
    assert len({each.variable for each in SETTINGS}) == len(SETTINGS) == len(BY_KEY)
