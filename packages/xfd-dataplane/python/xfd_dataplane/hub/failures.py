"""Names the failures of `huggingface_hub`, and tries again what may go well the next time.

Transports differ between its versions (requests, httpx, httpx2), so their errors are told apart by
what all of them have: a response with a status, or a base class.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from xfd_api.errors import (
    AccessDeniedError,
    ObjectNotFoundError,
    OriginAnswerError,
    OriginThrottledError,
    OriginTimeoutError,
    OriginUnreachableError,
    XfdError,
)
from xfd_api.hub_repos import DEFAULT_REVISION, HubRepo

T = TypeVar("T")

ATTEMPTS = 4
"""Tries of one question, if the hub is out of reach or errs."""

PAUSE_S = 1.0
"""Pause before the second try, in seconds; it doubles each time."""

PATIENCE_S = 330.0
"""Longest wait for one question, in seconds: the hub's limits have windows of 300 s."""

_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_RESET = re.compile(r"(?:^|;)\s*t=(\d+)")


def retried(question: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
    """The answer to a question, after as many tries as make sense.

    Args:
        question: asks the hub.
        sleep: waits so many seconds.

    Raises:
        Exception: what `question` raised the last time.
    """
    patience = PATIENCE_S
    tries = 0
    while True:
        try:
            return question()
        except Exception as error:
            tries += 1
            status, headers = _answer(error)
            pause = PAUSE_S * 2 ** (tries - 1)
            if status == 429:
                pause = max(pause, reset_s(headers) or 0.0)
            elif tries >= ATTEMPTS or not (status in _AGAIN or _is_transport(error)):
                raise
            patience -= pause
            if patience < 0:
                raise
        sleep(pause)


def reset_s(headers: Mapping[str, str]) -> float | None:
    """In how many seconds the hub takes requests again, as the headers of a 429 say."""
    if found := _RESET.search(headers.get("ratelimit", "")):
        return float(found[1])
    after = headers.get("retry-after", "")
    return float(after) if after.isdecimal() else None


@contextlib.contextmanager
def as_named(repo: HubRepo, endpoint: str, *, has_token: bool) -> Iterator[None]:
    """Turns an error of `huggingface_hub` into one of `xfd_api.errors`.

    Its `EntryNotFoundError` is left as it is: it says that a folder is not there.

    Args:
        repo: what the hub is asked about.
        endpoint: the hub's URL.
        has_token: whether requests carry a token.
    """
    try:
        yield
    except XfdError:
        raise
    except Exception as error:
        named = _named(error, repo, endpoint, has_token)
        if named is None:
            raise
        raise named from None


def _named(error: Exception, repo: HubRepo, endpoint: str, has_token: bool) -> XfdError | None:
    from huggingface_hub import errors

    address = repo.repo_id if repo.repo_type == "model" else f"{repo.repo_type}s/{repo.repo_id}"
    status, headers = _answer(error)
    if isinstance(error, errors.EntryNotFoundError):
        return None
    if isinstance(error, errors.GatedRepoError):
        return AccessDeniedError(
            "The repository is gated"
            + (", and the token has no access" if has_token else ", and there is no token"),
            object=address,
            remedy=f"Accept the licence at {endpoint}/{address}, and set HF_TOKEN",
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ObjectNotFoundError(
            f"The repository has no revision {repo.revision!r}",
            object=address,
            remedy=f"Name a branch, a tag or a commit of it; the default is {DEFAULT_REVISION}",
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ObjectNotFoundError(
            f"The hub has no {repo.repo_type} of this name"
            + (" that the token may see" if has_token else ", or it is private"),
            object=address,
            remedy="Check the name and repo_type"
            + ("" if has_token else "; for a private repository set HF_TOKEN"),
        )
    if isinstance(error, errors.DisabledRepoError):
        return AccessDeniedError("The hub has disabled the repository", object=address)
    if status in (401, 403):
        return AccessDeniedError(
            "The hub refuses the token" if has_token else "The hub wants a token",
            object=address,
            remedy="Check HF_TOKEN, the token file, or the token of make_for_hub",
        )
    if status == 429:
        wait = reset_s(headers)
        return OriginThrottledError(
            "The hub's rate limit is reached"
            + ("" if wait is None else f"; it takes requests again in {wait:.0f} s"),
            object=address,
            remedy="Wait, or set HF_TOKEN: requests with a token have a higher limit",
        )
    if status is not None:
        return OriginAnswerError(f"The hub answers with status {status}", object=address)
    if not _is_transport(error):
        return None
    if "timeout" in type(error).__name__.lower():
        return OriginTimeoutError("The hub did not answer in time", object=address)
    return OriginUnreachableError(
        f"No connection to the hub at {endpoint}: {error}",
        object=address,
        remedy="Check HF_ENDPOINT, the proxy, and the node's network",
    )


def _answer(error: Exception) -> tuple[int | None, Mapping[str, str]]:
    """Status and headers of the response that an error is about."""
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None), getattr(response, "headers", {})


def _is_transport(error: Exception) -> bool:
    """Whether no answer came."""
    from huggingface_hub import errors

    # Errors of requests are OSErrors; those of httpx share a base with HfHubHTTPError.
    return isinstance(error, OSError | errors.HTTPError) and _answer(error)[0] is None
