"""What an origin has: one object, a prefix, or what matches a pattern."""

from __future__ import annotations

from xfd_api.chunks import FoundObject
from xfd_api.errors import ObjectNotFoundError
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
            relative to the store, or `s3://bucket/...`. Empty or ending in a slash, it is a
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
    with open_node() as node:
        return watch.run(lambda: find(node, stores, object_store_config.kind, bucket, key))


def find(
    node: Node,
    stores: ObjectStoreConfigByProfile,
    kind: StoreKind,
    bucket: str | None,
    key: str,
) -> list[FoundObject]:
    """The same on a node that is open, in the profile None."""

    def ask(key: str, *, is_prefix: bool) -> list[FoundObject]:
        lookup = Lookup(None, bucket, key, is_prefix, destination="")
        return node.find_objects([lookup], stores)[0]

    if kind is StoreKind.HTTP:
        return ask(key, is_prefix=False)
    if has_wildcard(key):
        matches = compiled(key).match
        below = ask(literal_folder(key), is_prefix=True)
        found = [each for each in below if not each.key.endswith("/") and matches(each.key)]
    elif not key or key.endswith("/"):
        found = ask(key.rstrip("/"), is_prefix=True)
    else:
        try:
            return ask(key, is_prefix=False)
        except ObjectNotFoundError:
            found = ask(key, is_prefix=True)
    if not found:
        raise ObjectNotFoundError("Nothing was found", object=key or bucket)
    return found
