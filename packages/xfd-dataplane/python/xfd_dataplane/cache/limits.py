"""The limits of a node's cache: by its settings, else by its environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from xfd_api.errors import InvalidRequestError
from xfd_api.quantities import bytes_of, seconds_of
from xfd_api.settings import NodeSettings
from xfd_dataplane.cache.verdict import CacheLimits

QUOTA = "XFD_CACHE_QUOTA"
MAX_AGE = "XFD_CACHE_MAX_AGE"

T = TypeVar("T")


def limits_of(settings: NodeSettings, environment: Mapping[str, str]) -> CacheLimits:
    """What the settings say, else `XFD_CACHE_QUOTA` (as `500GiB`) and `XFD_CACHE_MAX_AGE` (`30d`).

    Raises:
        InvalidRequestError: a variable is no size or time.

    Example:
        >>> limits_of(NodeSettings(), {"XFD_CACHE_QUOTA": "1GiB"}).quota_bytes
        1073741824
    """
    quota, age = settings.cache_quota_bytes, settings.cache_max_age_s
    return CacheLimits(
        quota_bytes=_read(QUOTA, environment, bytes_of) if quota is None else quota,
        max_age_s=_read(MAX_AGE, environment, seconds_of) if age is None else age,
    )


def _read(name: str, environment: Mapping[str, str], read: Callable[[str], T]) -> T | None:
    text = environment.get(name)
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise InvalidRequestError(f"{name}: {error}", remedy="Correct the variable") from None
