"""Standard streams and signals: an object as output, closed and full outputs, names, Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from s3_stores import store_that_says
from web_servers import ANY_PORT, serving
from xfd_get_process import Command

from xfd_testing import artifacts
from xfd_testing.s3 import S3Server
from xfd_testing.waiting import until

MIB = 2**20
XFD_GET = [sys.executable, "-m", "xfd_dataplane"]
HERE = Command({})


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return artifacts.weights_file(tmp_path_factory.mktemp("weights") / "w.bin", 9 * MIB + 7)


@pytest.fixture(scope="module")
def web(weights: Path) -> Iterator[str]:
    """A web server of one file, that knows no ranges."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(weights.stat().st_size))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(weights.read_bytes())

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with serving(ThreadingHTTPServer(ANY_PORT, Handler)) as url:
        yield f"{url}/w.bin"


def shell(command: str, *words: str | Path, **environment: str) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of a shell command, in which `"$@"` is `xfd-get WORDS`."""
    done = subprocess.run(
        ["bash", "-c", command, "bash", *XFD_GET, *map(str, words)],
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("store", ["s3", "file", "web"])
def test_one_object_goes_to_standard_output_and_nothing_else_does(
    store: str, s3_server: S3Server, bucket: str, weights: Path, web: str, tmp_path: Path
) -> None:
    s3_server.upload(bucket, "w.bin", weights)
    source = {"s3": f"s3://{bucket}/w.bin", "file": f"file://{weights}", "web": web}[store]

    code, out, err = shell('"$@"', source, "-", "--chunk-size", "1MiB", **s3_server.environment())

    assert (code, err) == (0, "")
    assert out == weights.read_bytes()
    assert list((tmp_path / "root" / "tmp").iterdir()) == []


@pytest.mark.parametrize("body", [b"", b"x", bytes(range(256)) * 100])
def test_a_small_or_empty_object_goes_to_standard_output(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(body)

    assert shell('"$@"', f"file://{tmp_path}/f", "-") == (0, body, "")


def test_cat_is_the_same_and_checks_a_checksum(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"123456789")
    source = f"file://{tmp_path}/f"

    assert shell('"$@"', "cat", source, "--checksum", "crc32c:e3069283") == (0, b"123456789", "")
    code, _, err = shell('"$@"', "cat", source, "--checksum", "md5:" + "0" * 32)
    assert code == 5
    assert "the request says 0000" in err
    code, out, err = shell('"$@" | head -c 5; exit ${PIPESTATUS[0]}', "cat", source)
    assert (code in (0, 141), out, err) == (True, b"12345", "")


def test_it_flows_while_it_is_fetched(weights: Path) -> None:
    """The first chunk comes out long before the last one is here."""
    words = [
        f"file://{weights}",
        "-",
        "--chunk-size",
        "1MiB",
        "--limit-rate",
        "2M",
        "--parallel",
        "2",
    ]
    process = subprocess.Popen([*XFD_GET, *words], stdout=subprocess.PIPE)
    started = time.monotonic()
    assert process.stdout is not None
    first = process.stdout.read(MIB)
    first_after = time.monotonic() - started
    rest = process.stdout.read()
    assert process.wait(timeout=30) == 0

    assert first + rest == weights.read_bytes()
    assert first_after < (time.monotonic() - started) / 2


def test_a_reader_that_goes_away_ends_it_quietly(weights: Path, tmp_path: Path) -> None:
    command = '"$@" | head -c 5; exit ${PIPESTATUS[0]}'

    assert shell(command, f"file://{weights}", "-") == (141, weights.read_bytes()[:5], "")
    assert list((tmp_path / "root" / "tmp").iterdir()) == []


def test_bytes_that_differ_from_the_stores_checksum_are_an_error_at_the_end(tmp_path: Path) -> None:
    headers = {"ETag": '"one"', "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1"}
    with store_that_says(os.urandom(3 * MIB), headers) as endpoint:
        code, out, err = shell('"$@"', "s3://bucket/set/k", "-", "--endpoint-url", endpoint, **keys)

    assert code == 5, err
    assert len(out) <= 3 * MIB
    assert "error:" in err


@pytest.mark.parametrize(
    "words",
    [
        ["file://{folder}/d/", "-"],
        ["file://{folder}/d/*", "-"],
        ["file://{folder}/d/a", "-", "--unpack"],
        ["file://{folder}/d/a", "-", "--json"],
        ["file://{folder}/d/a", "file://{folder}/d/b", "-"],
        ["file://{folder}/d/a", "-", "--exclude", "b"],
        ["cat", "file://{folder}/d/"],
    ],
    ids=["prefix", "pattern", "unpack", "json", "two sources", "exclude", "cat a prefix"],
)
def test_what_cannot_go_to_standard_output_is_a_usage_error(
    words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a").write_bytes(b"a")

    done = HERE.run(*(word.format(folder=tmp_path) for word in words))

    assert (done.code, done.out) == (2, "")
    assert "error:" in done.err


def test_a_file_may_still_be_called_that(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")

    code, out, _ = shell(f'cd {tmp_path} && "$@"', f"file://{tmp_path}/a", "./-")

    assert code == 0
    assert out != b"a"
    assert (tmp_path / "-").read_bytes() == b"a"


@pytest.mark.parametrize(
    ("command", "words", "code"),
    [
        ('"$@" >&-', ["ls", "file://{folder}/"], 0),
        ('"$@" >&-', ["file://{folder}/a", "{folder}/out"], 0),
        ('"$@" >&- 2>&-', ["file://{folder}/a", "{folder}/out"], 0),
        ('"$@" <&- >&- 2>&-', ["file://{folder}/a", "{folder}/out"], 0),
        ('"$@" >&-', ["file://{folder}/a", "-"], 2),
        ('"$@" >&-', ["--from-file", "{folder}/a", "-"], 2),
        ('"$@" >&- 2>&-', ["file://{folder}/none", "{folder}/out"], 3),
        ('"$@" 2>&-', ["--nonsense"], 2),
        ('"$@" >&-', ["--help"], 0),
        ('"$@" --json >&-', ["file://{folder}/none", "{folder}/out"], 3),
        ('"$@" | true; exit ${{PIPESTATUS[0]}}', ["ls", "file://{folder}/"], 0),
        ('"$@" 2>&1 >/dev/null | true; exit ${{PIPESTATUS[0]}}', ["file://{folder}/none", "x"], 3),
        ('"$@" >/dev/full', ["ls", "file://{folder}/"], 1),
        ('"$@" >/dev/full', ["file://{folder}/a", "-"], 1),
    ],
)
def test_no_output_is_a_reason_for_a_traceback(
    command: str, words: list[str], code: int, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"a")
    filled = [word.format(folder=tmp_path) for word in words]

    ended, _, err = shell(command.replace("{{", "{").replace("}}", "}"), *filled)

    assert ended == code, err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    if str(tmp_path / "out") in filled and code == 0:
        assert (tmp_path / "out").read_bytes() == b"a", "nothing was printed into the file"


@pytest.mark.parametrize(
    "language",
    [
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_a_name_that_the_locale_does_not_know_is_printed_all_the_same(
    language: dict[str, str], tmp_path: Path
) -> None:
    name = "é-文-\U0001f600"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"x")

    for words in (["ls"], ["ls", "--json"], ["--dry-run"]):
        code, out, err = shell('"$@"', *words, f"file://{tmp_path}/in/", **language)
        assert (code, err) == (0, "")
        assert b"\\xe9-" in out or b"\\u00e9-" in out or name.encode() in out
    code, _, err = shell('"$@"', f"file://{tmp_path}/in/{name}x", "out", **language)
    # Python in an ASCII locale does not take such an argument for text.
    assert code == (2 if "PYTHONUTF8" in language else 3)
    assert "Traceback" not in err


INTERRUPTED = "xfd-get: interrupted; run it again to go on from here\n"
EARLY = "xfd-get: interrupted\n"
LONG = "n" * 256


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([b"file:///x/\xff", b"out"], "not UTF-8"),
        ([b"file:///x/a", b"\xff"], "not UTF-8"),
        ([b"s3://b/k", b"out", b"--profile", b"\xff"], "not UTF-8"),
        ([b"ls", b"s3://b/\xff"], "not UTF-8"),
        ([b"file:///x/a", LONG.encode()], "longer than 255 bytes"),
        ([b"file:///x/a", f"{LONG}/".encode()], "longer than 255 bytes"),
        ([f"file:///x/{LONG}".encode(), b"."], "longer than 255 bytes"),
        ([b"file:///x/a.tar", b"out", f"--unpack={LONG}".encode()], "longer than 255 bytes"),
    ],
)
def test_a_name_that_can_be_none_is_a_usage_error(words: list[bytes], said: str) -> None:
    done = subprocess.run([*XFD_GET, *words], capture_output=True, timeout=30, check=False)

    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["ls"], "xfd-get ls"),
        (["ls", "s3://b/", "--unpack"], "xfd-get ls"),
        (["verify", "s3://b/k", "d", "e"], "xfd-get verify"),
        (["verify", "d", "--exclude", "x"], "xfd-get verify"),
        (["get", "s3://b/k", "d", "--nonsense"], "xfd-get get"),
        (["s3://b/k", "d", "e"], "xfd-get get"),
        (["s3://b/k", "d", "--no-keep-archive"], "xfd-get get"),
        ([], "xfd-get [-h]"),
        (["--nonsense"], "xfd-get get"),
    ],
)
def test_a_usage_error_shows_the_usage_of_its_command(words: list[str], usage: str) -> None:
    done = HERE.run(*words)

    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"usage: {usage}")


def test_ctrl_c_at_any_time_is_no_traceback(weights: Path, tmp_path: Path) -> None:
    """From its first moment until well into its download, whatever time that takes here.

    Until Python itself is up, nothing of ours is loaded that could heed it; what it says then
    begins with `Fatal Python error: init_`.
    """

    def ended(moment: Callable[[], None]) -> tuple[int, str, str]:
        process = subprocess.Popen(
            [*XFD_GET, f"file://{weights}", str(tmp_path / "out"), "--limit-rate", "10k"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        moment()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        return process.returncode, out, err

    def begun() -> None:
        until(lambda: any(tmp_path.glob(".out.xfd-part")), 30, "it does not begin")

    since = time.monotonic()
    assert ended(begun) == (130, "", INTERRUPTED)
    took_s = time.monotonic() - since
    heeded = []
    for run in range(24):
        code, out, err = ended(partial(time.sleep, run * took_s / 16))
        if not err.startswith("Fatal Python error: init_") and "runpy" not in err:
            heeded.append((code, out, "" if err in (INTERRUPTED, EARLY) else err))

    assert len(heeded) >= 12
    assert set(heeded) <= {(130, "", ""), (-signal.SIGINT, "", "")}
