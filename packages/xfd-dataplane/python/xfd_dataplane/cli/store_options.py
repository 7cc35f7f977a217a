"""The options that say how to reach a store, and which stores have a use for each."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlsplit

from xfd_api.errors import InvalidRequestError
from xfd_api.stores import StoreKind
from xfd_api.uris import Uri
from xfd_dataplane.cli.credentials import read_headers, read_token


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """The options of a command that say how to reach a store. Secrets show in no repr."""

    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False
    request_payer: str | None = None
    account: str | None = None
    netrc: bool = False
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def taken_by(self, kind: StoreKind | None) -> StoreOptions:
        """The options that this kind of store has a use for; None is a path of this host."""
        return replace(
            self,
            **{
                name: _unset(name)
                for name, (_, kinds) in _OPTIONS.items()
                if kind not in kinds and self.is_given(name)
            },
        )

    def is_given(self, name: str) -> bool:
        """Whether a field has another value than its default."""
        return bool(getattr(self, name) != _unset(name))


_OPTIONS: dict[str, tuple[str, tuple[StoreKind, ...]]] = {
    "endpoint": (
        "--endpoint-url",
        (StoreKind.S3, StoreKind.GCS, StoreKind.AZURE, StoreKind.HUB),
    ),
    "region": ("--region", (StoreKind.S3,)),
    "request_payer": ("--request-payer", (StoreKind.S3,)),
    "anonymous": ("--no-sign-request", (StoreKind.S3, StoreKind.GCS, StoreKind.AZURE)),
    "headers": ("--header", (StoreKind.HTTP,)),
    "netrc": ("--netrc", (StoreKind.HTTP,)),
    "token": ("--token-file", (StoreKind.HTTP, StoreKind.HUB, StoreKind.GCS)),
    "account": ("--account", (StoreKind.AZURE,)),
}
"""Which stores have a use for an option. Others refuse it: it would say what is not done."""

_FOR_ONE_PLACE = ("endpoint", "headers", "token")
"""Options that belong to one server: a secret for one must not reach another."""

_SCHEME_OF = {
    StoreKind.S3: "s3://",
    StoreKind.HTTP: "https://",
    StoreKind.HUB: "hf://",
    StoreKind.GCS: "gs://",
    StoreKind.AZURE: "az://",
}


def store_options(options: argparse.Namespace) -> StoreOptions:
    """The options of a parsed command line.

    Raises:
        InvalidRequestError: a file of credentials cannot be read, or is wrong.
    """
    return StoreOptions(
        endpoint=options.endpoint_url,
        region=options.region,
        anonymous=options.no_sign_request,
        request_payer=options.request_payer,
        account=options.account,
        netrc=options.netrc,
        token=read_token(options.token_file),
        headers=read_headers(options.header),
    )


def check_options(options: StoreOptions, uris: Sequence[Uri | None]) -> None:
    """Checks that the options fit the sources; None is a path of this host.

    Raises:
        InvalidRequestError: no source has a use for an option, or a secret or an endpoint would go
            to several servers.
    """
    for name, (option, kinds) in _OPTIONS.items():
        if not options.is_given(name):
            continue
        takers = [uri for uri in uris if uri is not None and uri.kind in kinds]
        if not takers:
            schemes = ", ".join(_SCHEME_OF[kind] for kind in kinds)
            which = "this source" if len(uris) == 1 else "these sources"
            raise InvalidRequestError(
                f"{option} has no meaning for {which}", remedy=f"Drop it: it goes with {schemes}"
            )
        if name in _FOR_ONE_PLACE and len({_server(uri, name) for uri in takers}) > 1:
            raise InvalidRequestError(
                f"{option} would go to several servers", remedy="Fetch from each by itself"
            )


def _server(uri: Uri, option: str) -> tuple[StoreKind, str]:
    host = urlsplit(uri.server or "").netloc if option != "endpoint" else ""
    return uri.kind, host


def _unset(name: str) -> Any:
    (own,) = (each for each in fields(StoreOptions) if each.name == name)
    return {} if name == "headers" else own.default
