"""What an origin has: one object, a prefix, or what matches a pattern."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from xfd_api.chunks import FoundObject
from xfd_api.errors import AccessDeniedError, ObjectNotFoundError, OriginAnswerError
from xfd_api.lookups import Lookup, split_uri
from xfd_api.stores import ObjectStoreConfig, ObjectStoreConfigByProfile, StoreKind, by_profile
from xfd_dataplane._native import Node
from xfd_dataplane.downloading import open_node
from xfd_dataplane.patterns import compiled, has_wildcard, literal_folder
from xfd_dataplane.watch import Cancellation, Watch


def list_objects(
    uri: str,
    object_store_config: ObjectStoreConfig,
    *,
    deadline_s: float | None = None,
    cancel: Cancellation | None = None,
) -> list[FoundObject]:
    """The objects that a uri names, in the order of their keys.

    Args:
        uri: a key, a prefix of whole segments, or a pattern with `*`, `**`, `?` and `[...]`;
            relative to the store, or `s3://bucket/...`. What exists under the name as it is written
            is meant, also where the name looks like a pattern. Empty or ending in a slash, it is a
            prefix; otherwise an object of this name is looked for first.
        object_store_config: the store.
        deadline_s: longest time for the call.
        cancel: a `threading.Event`, say; once set, the call ends within a second.

    Raises:
        ObjectNotFoundError: there is none.
        XfdError: the store could not be asked.
    """
    watch = Watch(deadline_s, cancel)
    stores = by_profile(object_store_config)
    bucket, key = split_uri(uri, object_store_config.kind)
    kind = object_store_config.kind
    with open_node() as node:
        try:
            return watch.run(lambda: find(node, stores, kind, bucket, key))
        except ObjectNotFoundError:
            if kind is StoreKind.HTTP or has_wildcard(key) or not key or key.endswith("/"):
                raise
            return watch.run(lambda: find(node, stores, kind, bucket, f"{key}/"))


def find(
    node: Node,
    stores: ObjectStoreConfigByProfile,
    kind: StoreKind,
    bucket: str | None,
    key: str,
) -> list[FoundObject]:
    """The objects that a key, a prefix or a pattern names, in the profile None; a prefix ends in a
    slash.

    Raises:
        ObjectNotFoundError: there is none; says how to write what may be meant.
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
    """What there is under a name that looks like a pattern: the object of that name, or what lies
    below the prefix of that name. None of both is usual; a store may also refuse to tell.
    """
    is_prefix = key.endswith("/")
    lookup = Lookup(None, bucket, key.removesuffix("/"), is_prefix, destination="")
    try:
        return node.find_objects([lookup], stores)[0]
    except (ObjectNotFoundError, AccessDeniedError, OriginAnswerError):
        return []


@contextlib.contextmanager
def explained(key: str) -> Iterator[None]:
    """Says of an object that is not there how a prefix of its name would be written."""
    try:
        yield
    except ObjectNotFoundError as error:
        raise ObjectNotFoundError(
            error.what,
            object=error.object,
            remedy=f"Check bucket and key; what lies below it is written {key}/",
        ) from None
