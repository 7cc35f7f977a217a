"""Credentials that one kind of store has beside its address. Secrets show in no repr.

The `make_for_…` functions of `ObjectStoreConfig` build these and check them. A field that is None
leaves the choice to the store's own chain of credentials on each node.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from xfd_api.errors import InvalidRequestError

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
_OURS = frozenset(
    {
        *("accept-encoding", "connection", "content-encoding", "content-length", "content-type"),
        *("expect", "host", "if-match", "if-modified-since", "if-none-match", "if-range"),
        *("if-unmodified-since", "keep-alive", "proxy-authenticate", "proxy-authorization"),
        *("proxy-connection", "range", "te", "trailer", "transfer-encoding", "upgrade", "via"),
    }
)
"""Headers that say how a request is sent, what it asks for, or where it goes; in lower case."""


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """What requests to a web server carry.

    Attributes:
        headers: name and value of each further header.
        bearer: the token of an `Authorization: Bearer` header.
        netrc: whether each node looks the host up in its `NETRC` or `~/.netrc`.
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    bearer: str | None = field(default=None, repr=False)
    netrc: bool = False


@dataclass(frozen=True, slots=True)
class HubAccess:
    """How to log in to a Hugging Face hub.

    Attributes:
        token: a user access token; None takes `HF_TOKEN` or the token file of each node.
    """

    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class GcsAccess:
    """How to log in to Google Cloud Storage; without both, application default credentials.

    Attributes:
        service_account: the key of a service account: an absolute path on each node, or its JSON.
        bearer: an access token.
    """

    service_account: str | None = field(default=None, repr=False)
    bearer: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AzureAccess:
    """How to log in to Azure Blob Storage; without a credential, the environment's chain.

    Attributes:
        account: the storage account; None takes that of each node's environment.
        account_key: the account's shared key.
        sas_token: a shared access signature, with or without its question mark.
        client_id: of an application, or of a managed identity if it has no secret.
        tenant_id: the tenant of the application.
        client_secret: the secret of the application.
    """

    account: str | None = None
    account_key: str | None = field(default=None, repr=False)
    sas_token: str | None = field(default=None, repr=False)
    client_id: str | None = None
    tenant_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)


def http_access(
    headers: Mapping[str, str] | None, bearer: str | None, netrc: bool
) -> HttpAccess | None:
    """The access that these make; None if they are nothing.

    Raises:
        InvalidRequestError: a header cannot be sent, belongs to xfd, or contradicts `bearer`.
    """
    if not isinstance(headers or {}, Mapping):
        raise InvalidRequestError("headers is no mapping", remedy="Give {name: value}")
    pairs = tuple((headers or {}).items())
    for name, value in pairs:
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidRequestError(
                f"The header {name!r} or its value is no string", remedy="Give both as strings"
            )
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidRequestError(
                f"{name!r} is no name of a header", remedy="Write for example X-Api-Key"
            )
        if not _HEADER_VALUE.fullmatch(value):
            raise InvalidRequestError(
                f"The value of the header {name} has a line break or another unfit character",
                remedy="Give printable ASCII characters in one line",
            )
        if name.lower() in _OURS:
            raise InvalidRequestError(
                f"The header {name} is set by each request itself", remedy="Leave it out"
            )
    if len({name.lower() for name, _ in pairs}) < len(pairs):
        raise InvalidRequestError(
            "A header is given twice, in other letters", remedy="Give each header once"
        )
    if bearer is not None and any(name.lower() == "authorization" for name, _ in pairs):
        raise InvalidRequestError(
            "Both bearer and an Authorization header are given", remedy="Give one of them"
        )
    _check_token("bearer", bearer)
    if not pairs and bearer is None and not netrc:
        return None
    return HttpAccess(pairs, bearer, netrc)


def hub_access(token: str | None) -> HubAccess:
    """The access that a token makes.

    Raises:
        InvalidRequestError: the token cannot be sent.
    """
    _check_token("token", token)
    return HubAccess(token)


def gcs_access(service_account: str | None, bearer: str | None, anonymous: bool) -> GcsAccess:
    """The access that these make.

    Raises:
        InvalidRequestError: they contradict each other, or the path of the key is relative.
    """
    if sum((service_account is not None, bearer is not None, anonymous)) > 1:
        raise InvalidRequestError(
            "Several of service_account, bearer and anonymous are given",
            remedy="Give one, or none for application default credentials",
        )
    if service_account is not None and not service_account.lstrip().startswith(("/", "{")):
        raise InvalidRequestError(
            "service_account is neither an absolute path nor JSON",
            remedy="Give the path of the key file, the same on every node, or its content",
        )
    _check_token("bearer", bearer)
    return GcsAccess(service_account, bearer)


def azure_access(access: AzureAccess, anonymous: bool) -> AzureAccess:
    """The access, checked.

    Raises:
        InvalidRequestError: credentials contradict each other, or one of them is not complete.
    """
    given = (access.account_key, access.sas_token, access.client_id)
    if sum(each is not None for each in given) + anonymous > 1:
        raise InvalidRequestError(
            "Several of account_key, sas_token, client_id and anonymous are given",
            remedy="Give one, or none for the chain of the environment",
        )
    if access.client_secret is not None and None in (access.client_id, access.tenant_id):
        raise InvalidRequestError(
            "client_secret is given without client_id and tenant_id", remedy="Give all three"
        )
    if access.tenant_id is not None and access.client_id is None:
        raise InvalidRequestError(
            "tenant_id is given without client_id", remedy="Give both, or neither"
        )
    _check_token("sas_token", access.sas_token)
    return access


def check_customer_key(key: str | None) -> None:
    """Refuses a key of SSE-C that is not 32 bytes in base64.

    Raises:
        InvalidRequestError: the key has another form or length.
    """
    if key is None:
        return
    try:
        size = len(base64.b64decode(key, validate=True))
    except (binascii.Error, ValueError):
        size = 0
    if size != 32:
        raise InvalidRequestError(
            "sse_customer_key is not 32 bytes in base64",
            remedy="Give base64.b64encode(key).decode()",
        )


def can_be_sent(token: str) -> bool:
    """Whether a token can be part of a header: printable ASCII without a space."""
    return re.fullmatch(r"[\x21-\x7e]+", token) is not None


def _check_token(name: str, token: str | None) -> None:
    if token is not None and not (isinstance(token, str) and can_be_sent(token)):
        raise InvalidRequestError(
            f"{name} is empty, or has a space, a line break or a character that is not ASCII",
            remedy="Give the token alone",
        )
