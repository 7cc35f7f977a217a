"""Object stores: one `ObjectStoreConfig` per store, by profile name.

A configuration describes a store and holds no connection. It is sent to every node, and each node
resolves the AWS credential chain itself. No secret shows in a repr.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xfd_api.errors import InvalidRequestError, UnknownProfileError


class StoreKind(str, enum.Enum):
    """The protocol that an origin speaks."""

    S3 = "s3"
    LOCAL = "local"
    HTTP = "http"


class AddressingStyle(str, enum.Enum):
    """Whether the bucket is part of the path or of the host name.

    `AUTO` is path-style if an endpoint is given or found in the environment, else virtual-host
    style, as in the AWS tools.
    """

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class ObjectStoreConfig:
    """How to reach one object store. Use the `make_for_*` functions to build one."""

    kind: StoreKind
    bucket: str | None = None
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    region: str | None = None
    addressing_style: AddressingStyle = AddressingStyle.AUTO
    anonymous: bool = False
    directory: str | None = None
    base_url: str | None = field(default=None, repr=False)
    request_payer: str | None = None

    @staticmethod
    def make_for_s3(
        bucket: str,
        endpoint: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        session_token: str | None = None,
        region: str | None = None,
        *,
        addressing_style: AddressingStyle | str = AddressingStyle.AUTO,
        anonymous: bool = False,
        request_payer: str | None = None,
    ) -> ObjectStoreConfig:
        """A bucket of S3, or of a store that speaks its protocol.

        Args:
            bucket: name of the bucket that relative uris belong to, or the ARN of an access point.
            endpoint: URL of the store, with or without a path. None looks it up as boto3 does:
                `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, `endpoint_url` of the profile's
                `[services]` section and of the profile; else AWS.
            access_key_id: with `secret_access_key`, static credentials; None for the AWS chain.
            secret_access_key: the secret of `access_key_id`.
            session_token: the token of temporary credentials.
            region: the bucket's region. None finds it: environment, profile, else by a request.
            addressing_style: see `AddressingStyle`.
            anonymous: send unsigned requests, for public buckets.
            request_payer: "requester" for a bucket whose readers pay; None for any other.

        Raises:
            InvalidRequestError: half a key pair, an empty bucket, or an endpoint that is no URL.

        Example:
            >>> ObjectStoreConfig.make_for_s3("models", endpoint="http://127.0.0.1:8333").bucket
            'models'
        """
        if not bucket:
            raise InvalidRequestError("The bucket's name is empty", remedy="Give a bucket")
        if (access_key_id is None) != (secret_access_key is None):
            raise InvalidRequestError(
                "Only one of access_key_id and secret_access_key is given",
                remedy="Give both, or neither to use the AWS credential chain",
            )
        if anonymous and access_key_id is not None:
            raise InvalidRequestError(
                "Keys are given for anonymous access", remedy="Drop the keys or anonymous=True"
            )
        if request_payer not in (None, "requester"):
            raise InvalidRequestError(
                f"request_payer is {request_payer!r}", remedy='Give "requester", or None'
            )
        if endpoint is not None and not _is_web(endpoint):
            raise InvalidRequestError(
                "The endpoint begins with neither http:// nor https://",
                object=endpoint,
                remedy="Write it as https://host, http://host:9000 or https://host/path",
            )
        return ObjectStoreConfig(
            kind=StoreKind.S3,
            bucket=bucket,
            endpoint=endpoint,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            session_token=session_token,
            region=region,
            addressing_style=AddressingStyle(addressing_style),
            anonymous=anonymous,
            request_payer=request_payer,
        )

    @staticmethod
    def make_for_local(directory: str | Path) -> ObjectStoreConfig:
        """A directory whose files are the objects; every node reaches it under the same path.

        Args:
            directory: an absolute path.

        Raises:
            InvalidRequestError: the path is relative.

        Example:
            >>> ObjectStoreConfig.make_for_local("/mnt/models").directory
            '/mnt/models'
        """
        path = Path(directory)
        if not path.is_absolute():
            raise InvalidRequestError(
                "The store's directory is not absolute",
                path=str(directory),
                remedy="Give an absolute path, the same on every node",
            )
        return ObjectStoreConfig(kind=StoreKind.LOCAL, directory=str(path))

    @staticmethod
    def make_for_http(base_url: str) -> ObjectStoreConfig:
        """A web server; a uri is a path below `base_url`. Its prefixes cannot be listed.

        Args:
            base_url: begins with http:// or https://. Its query, if any, is sent with each request.

        Raises:
            InvalidRequestError: the URL has another scheme.

        Example:
            >>> ObjectStoreConfig.make_for_http("https://example.org/models").kind
            <StoreKind.HTTP: 'http'>
        """
        if not _is_web(base_url):
            raise InvalidRequestError(
                "The base URL begins with neither http:// nor https://",
                object=base_url,
                remedy="Write it as https://host or https://host/path",
            )
        return ObjectStoreConfig(kind=StoreKind.HTTP, base_url=base_url)


def _is_web(url: str) -> bool:
    """Whether a URL has the scheme of the web, in any case."""
    return url.lstrip().lower().startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class ObjectStoreConfigByProfile:
    """Several stores with credentials of their own; the profile None is the one without a name.

    Attributes:
        profiles: a store by the `profile_name` that requests give.

    Example:
        >>> models = ObjectStoreConfig.make_for_s3("company-models")
        >>> ObjectStoreConfigByProfile(profiles={"models": models}).of("models").bucket
        'company-models'
    """

    profiles: Mapping[str | None, ObjectStoreConfig]

    def __post_init__(self) -> None:
        object.__setattr__(self, "profiles", dict(self.profiles))

    def of(self, profile_name: str | None) -> ObjectStoreConfig:
        """The store of one profile.

        Raises:
            UnknownProfileError: there is no profile of this name.
        """
        try:
            return self.profiles[profile_name]
        except KeyError:
            known = ", ".join(sorted(repr(name) for name in self.profiles)) or "none"
            raise UnknownProfileError(
                f"There is no profile {profile_name!r}; known: {known}"
            ) from None


def by_profile(
    config: ObjectStoreConfig | ObjectStoreConfigByProfile,
) -> ObjectStoreConfigByProfile:
    """The stores by profile; a bare configuration is the profile None."""
    if isinstance(config, ObjectStoreConfigByProfile):
        return config
    return ObjectStoreConfigByProfile(profiles={None: config})
