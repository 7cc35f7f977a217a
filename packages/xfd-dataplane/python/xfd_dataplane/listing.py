"""Lists objects of an origin: one object, a prefix, or all that match a pattern."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from xfd_api.chunks import FoundObject
from xfd_api.errors import AccessDeniedError, ObjectNotFoundError, OriginAnswerError
from xfd_api.lookups import Lookup
from xfd_api.places import place_of
from xfd_api.profiles import ObjectStoreConfigByProfile, by_profile
from xfd_api.stores import ObjectStoreConfig, StoreKind
from xfd_dataplane.cancellation import CallLimits, Cancellation
from xfd_dataplane.downloading import open_node
from xfd_dataplane.node import Node
from xfd_dataplane.patterns import compiled, has_wildcard, literal_folder


def list_objects(
    uri: str,
    object_store_config: ObjectStoreConfig | None = None,
    *,
    deadline_s: float | None = None,
    cancel: Cancellation | None = None,
) -> list[FoundObject]:
    """The objects that a uri names, in the order of their keys.

    Args:
        uri: a key, a prefix of whole segments, or a pattern with `*`, `**`, `?` and `[...]`;
            relative to the store, or full, such as `s3://bucket/...`. If the store has something of
            exactly this name, it is no pattern. An empty uri, or one that ends in a slash, is a
            prefix. For another uri, an object of this name precedes a prefix.
        object_store_config: the store. None is enough for a full uri.
        deadline_s: longest time for the call, in seconds; None for no limit.
        cancel: for example a `threading.Event`; once set, the call ends within a second.

    Raises:
        ObjectNotFoundError: there is no such object.
        XfdError: the store could not be asked.

    Example:
        >>> from xfd_api import ObjectStoreConfig
        >>> from xfd_dataplane import list_objects
        >>> store = ObjectStoreConfig.make_for_local("/tmp/xfd-example/store")
        >>> [(found.key, found.size) for found in list_objects("models/*.json", store)]
        [('models/config.json', 2)]
    """
    limits = CallLimits(deadline_s, cancel)
    given = ObjectStoreConfigByProfile({})
    if object_store_config is not None:
        given = by_profile(object_store_config)
    place = place_of(uri, None, given)
    stores, kind = by_profile(place.store), place.store.kind
    bucket, key = place.bucket, place.key
    with open_node() as node:
        try:
            return limits.run(lambda: find(node, stores, kind, bucket, key))
        except ObjectNotFoundError:
            if kind is StoreKind.HTTP or has_wildcard(key) or not key or key.endswith("/"):
                raise
            return limits.run(lambda: find(node, stores, kind, bucket, f"{key}/"))


def find(
    node: Node,
    stores: ObjectStoreConfigByProfile,
    kind: StoreKind,
    bucket: str | None,
    key: str,
) -> list[FoundObject]:
    """The objects that a key, a prefix or a pattern names, in the profile None.

    Raises:
        ObjectNotFoundError: there is none; the remedy says how to write a prefix or a literal name.
    """

    def ask(key: str, *, is_prefix: bool) -> list[FoundObject]:
        lookup = Lookup(None, bucket, key, is_prefix, destination="")
        return node.find_objects([lookup], stores)[0]

    if kind is StoreKind.HTTP:
        return ask(key, is_prefix=False)
    is_prefix = not key or key.endswith("/")
    if has_wildcard(key):
        if found := as_written(node, stores, bucket, key):
            return _accepted(found)
        matches = compiled(key).match
        below = ask(literal_folder(key), is_prefix=True)
        found = [each for each in below if not each.key.endswith("/") and matches(each.key)]
        if not found:
            raise ObjectNotFoundError(
                "Nothing matches the pattern",
                object=key,
                remedy="Check it; a [, * or ? that is meant literally is written [[], [*] or [?]",
            )
        return _accepted(found)
    if not is_prefix:
        with explained(key):
            return ask(key, is_prefix=False)
    found = ask(key.removesuffix("/"), is_prefix=True)
    if not found:
        raise ObjectNotFoundError("Nothing was found", object=key or bucket)
    return _accepted(found)


def _accepted(found: list[FoundObject]) -> list[FoundObject]:
    for each in found:
        if each.refused is not None:
            raise each.refused
    return found


def as_written(
    node: Node, stores: ObjectStoreConfigByProfile, bucket: str | None, key: str
) -> list[FoundObject]:
    """The objects that are named exactly like this pattern: one object, or those of a prefix.

    Usually there are none. A store may also refuse to look such a name up.
    """
    is_prefix = key.endswith("/")
    lookup = Lookup(None, bucket, key.removesuffix("/"), is_prefix, destination="")
    try:
        return node.find_objects([lookup], stores)[0]
    except (ObjectNotFoundError, AccessDeniedError, OriginAnswerError):
        return []


@contextlib.contextmanager
def explained(*keys: str) -> Iterator[None]:
    """Adds to the error of one of these missing objects how a prefix of its name is written.

    An origin that knows better what is missing, such as a whole repository, has the last word.
    """
    try:
        yield
    except ObjectNotFoundError as error:
        key = keys[0] if len(keys) == 1 else error.object
        if error.remedy != error.remedy_by_default or key not in keys:
            raise
        raise ObjectNotFoundError(
            error.what,
            object=error.object,
            remedy=f"{error.remedy}; a prefix is written {key}/",
        ) from None
