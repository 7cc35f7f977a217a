"""What strangers wrote reaches nobody's terminal raw, and no password is shown."""

from __future__ import annotations

import json
import pickle
import unicodedata

import pytest

from xfd_api.errors import ObjectNotFoundError, OriginAnswerError
from xfd_api.sanitize import sanitized, sanitized_json, without_credentials
from xfd_api.stores import ObjectStoreConfig

UNFIT = {
    "escape": "\x1b[2J",
    "bell": "\x07",
    "newline": "a\nerror: fake",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "NUL": "\0",
    "DEL": "\x7f",
    "C1 introducer": "\x9b31m",
    "next line": "\x85",
    "override": "exe.\u202etxt",
    "isolate": "\u2066a\u2069",
    "line separator": "\u2028",
    "zero width": "a\u200bb",
    "byte order mark": "\ufeff",
    "tag": "\U000e0041",
    "no UTF-8": "\udcff",
}


@pytest.mark.parametrize("name", UNFIT)
def test_nothing_unfit_is_left(name: str) -> None:
    text = UNFIT[name]
    document = {"key": text, "other": "ä→\u00a0"}

    shown = sanitized(text)
    written = sanitized_json(json.dumps(document, ensure_ascii=False))

    assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl") for each in shown)
    assert all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Zl") for each in written)
    assert json.loads(written) == document
    for error in (ObjectNotFoundError(text, object=text), OriginAnswerError("x", path=text)):
        assert sanitized(str(error)) == str(error)


@pytest.mark.parametrize("text", ["ä→ 日本", "a b", "back\\slash", "%0A", ""])
def test_what_is_fit_stays(text: str) -> None:
    assert sanitized(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:pw@host/x", "https://***@host/x"),
        ("HTTPS://user:pw@host/x", "HTTPS://***@host/x"),
        ("see hTTp://pw@host and ftp://u:pw@host2/", "see hTTp://***@host and ftp://***@host2/"),
        ("https://u:p@w@host", "https://***@host"),
        ("(s3://user:pw@host)", "(s3://***@host)"),
        ("https://host/a@b", "https://host/a@b"),
        ("abfss://models@company.dfs.host/k", "abfss://models@company.dfs.host/k"),
        ("abfss://user:pw@company.dfs.host/k", "abfss://***@company.dfs.host/k"),
        ("hf://gpt2@refs/pr/1", "hf://gpt2@refs/pr/1"),
        ("hf://user:pw@hub/x, hf://a@b", "hf://***@hub/x, hf://a@b"),
        ("hf://u@pw@b/c", "hf://***@b/c"),
        ("s3://bucket/key@v1", "s3://bucket/key@v1"),
        ("a@b", "a@b"),
    ],
)
def test_a_password_is_not_shown(text: str, shown: str) -> None:
    error = OriginAnswerError(text, object=text, remedy=text)

    assert without_credentials(text) == shown
    for seen in (str(error), repr(error), error.what, error.object, error.remedy):
        assert "pw@" not in str(seen)
    assert pickle.loads(pickle.dumps(error)).what == shown


@pytest.mark.parametrize("scheme", ["ftp", "FTP", "HTTPSS", "ws"])
def test_a_store_s_address_is_not_shown_with_its_password(scheme: str) -> None:
    with pytest.raises(ValueError, match="http") as caught:
        ObjectStoreConfig.make_for_http(f"{scheme}://user:secret@host/")
    assert "secret" not in f"{caught.value} {caught.value!r}"
    with pytest.raises(ValueError, match="http") as caught:
        ObjectStoreConfig.make_for_s3("b", endpoint=f"{scheme}://user:secret@host/")
    assert "secret" not in f"{caught.value} {caught.value!r}"
    assert "secret" not in repr(ObjectStoreConfig.make_for_http("HTTPS://user:secret@host"))
