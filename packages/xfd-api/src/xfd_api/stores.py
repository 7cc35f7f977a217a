"""Object stores: one `ObjectStoreConfig` per store.

A configuration describes a store and holds no connection. It is sent to every node, and each node
resolves the chain of credentials of its store itself. No secret shows in a repr.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xfd_api.errors import InvalidRequestError
from xfd_api.store_access import (
    AzureAccess,
    GcsAccess,
    HttpAccess,
    HubAccess,
    azure_access,
    check_customer_key,
    gcs_access,
    http_access,
    hub_access,
)


class StoreKind(str, enum.Enum):
    """The protocol that an origin speaks."""

    S3 = "s3"
    LOCAL = "local"
    HTTP = "http"
    HUB = "hub"
    GCS = "gcs"
    AZURE = "azure"


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
    """How to reach one object store. Use the `make_for_*` functions to build one.

    `bucket` is also a bucket of Google, or a container of Azure.
    """

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
    sse_customer_key: str | None = field(default=None, repr=False)
    http: HttpAccess | None = None
    hub: HubAccess | None = None
    gcs: GcsAccess | None = None
    azure: AzureAccess | None = None

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
        sse_customer_key: str | None = None,
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
            sse_customer_key: the key that the objects are encrypted with (SSE-C): 32 bytes in
                base64.

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
        _check_endpoint(endpoint)
        check_customer_key(sse_customer_key)
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
            sse_customer_key=sse_customer_key,
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
    def make_for_http(
        base_url: str,
        *,
        headers: Mapping[str, str] | None = None,
        bearer: str | None = None,
        netrc: bool = False,
    ) -> ObjectStoreConfig:
        """A web server; a uri is a path below `base_url`. Its prefixes cannot be listed.

        Headers and credentials go to this server alone, and follow no redirect to another host.

        Args:
            base_url: begins with http:// or https://. Its query, if any, is sent with each request.
            headers: further headers of each request, such as `{"X-Api-Key": key}`.
            bearer: the token of an `Authorization: Bearer` header.
            netrc: look the host up in the `NETRC` or `~/.netrc` of each node.

        Raises:
            InvalidRequestError: the URL has another scheme, or a header cannot be sent.

        Example:
            >>> ObjectStoreConfig.make_for_http("https://example.org/models", netrc=True).http
            HttpAccess(netrc=True)
        """
        if not _is_web(base_url):
            raise InvalidRequestError(
                "The base URL begins with neither http:// nor https://",
                object=base_url,
                remedy="Write it as https://host or https://host/path",
            )
        return ObjectStoreConfig(
            kind=StoreKind.HTTP, base_url=base_url, http=http_access(headers, bearer, netrc)
        )

    @staticmethod
    def make_for_hub(endpoint: str | None = None, token: str | None = None) -> ObjectStoreConfig:
        """A Hugging Face hub; a uri is `hf://ORG/NAME[@REVISION][/PATH]`.

        Args:
            endpoint: URL of the hub or of a mirror; None for `HF_ENDPOINT`, else huggingface.co.
            token: a user access token; None takes `HF_TOKEN` or the token file of each node.

        Raises:
            InvalidRequestError: the endpoint is no URL, or the token cannot be sent.

        Example:
            >>> ObjectStoreConfig.make_for_hub().kind
            <StoreKind.HUB: 'hub'>
        """
        _check_endpoint(endpoint)
        return ObjectStoreConfig(kind=StoreKind.HUB, endpoint=endpoint, hub=hub_access(token))

    @staticmethod
    def make_for_gcs(
        bucket: str,
        endpoint: str | None = None,
        *,
        service_account: str | Path | None = None,
        bearer: str | None = None,
        anonymous: bool = False,
    ) -> ObjectStoreConfig:
        """A bucket of Google Cloud Storage.

        Args:
            bucket: name of the bucket that relative uris belong to.
            endpoint: URL of an emulator or a private endpoint; None for Google's.
            service_account: the key of a service account: an absolute path that every node has, or
                its JSON. Without it and `bearer`, each node uses application default credentials:
                the file of a service account or of a user of gcloud, else the metadata server,
                which gives the identity of a machine or of a pod. Files of workload identity
                federation and of impersonation are refused by name.
            bearer: an access token.
            anonymous: send no credentials, for public buckets.

        Raises:
            InvalidRequestError: an empty bucket, an endpoint that is no URL, or credentials that
                contradict each other.

        Example:
            >>> ObjectStoreConfig.make_for_gcs("models").bucket
            'models'
        """
        if not bucket:
            raise InvalidRequestError("The bucket's name is empty", remedy="Give a bucket")
        _check_endpoint(endpoint)
        account = None if service_account is None else str(service_account)
        return ObjectStoreConfig(
            kind=StoreKind.GCS,
            bucket=bucket,
            endpoint=endpoint,
            anonymous=anonymous,
            gcs=gcs_access(account, bearer, anonymous),
        )

    @staticmethod
    def make_for_azure(
        container: str,
        account: str | None = None,
        endpoint: str | None = None,
        *,
        account_key: str | None = None,
        sas_token: str | None = None,
        client_id: str | None = None,
        tenant_id: str | None = None,
        client_secret: str | None = None,
        anonymous: bool = False,
    ) -> ObjectStoreConfig:
        """A container of Azure Blob Storage.

        Args:
            container: name of the container that relative uris belong to.
            account: the storage account; None takes it from the endpoint, else from
                `AZURE_STORAGE_CONNECTION_STRING` or `AZURE_STORAGE_ACCOUNT_NAME` of each node.
            endpoint: URL of an emulator or a private endpoint; None for Azure's.
            account_key: the account's shared key. Without it and the following, each node uses
                its environment, in this order: a connection string, `AZURE_STORAGE_ACCOUNT_KEY`,
                `AZURE_STORAGE_SAS_TOKEN`, a client secret or workload identity (`AZURE_CLIENT_ID`
                and others), managed identity, the user of the command `az`.
            sas_token: a shared access signature.
            client_id: with the next two, an application; alone, a managed identity.
            tenant_id: the tenant of the application.
            client_secret: the secret of the application.
            anonymous: send no credentials, for public containers.

        Raises:
            InvalidRequestError: an empty container, an endpoint that is no URL, or credentials that
                contradict each other or are not complete.

        Example:
            >>> ObjectStoreConfig.make_for_azure("models", "companydata").bucket
            'models'
        """
        if not container:
            raise InvalidRequestError("The container's name is empty", remedy="Give a container")
        _check_endpoint(endpoint)
        access = AzureAccess(account, account_key, sas_token, client_id, tenant_id, client_secret)
        return ObjectStoreConfig(
            kind=StoreKind.AZURE,
            bucket=container,
            endpoint=endpoint,
            anonymous=anonymous,
            azure=azure_access(access, anonymous),
        )


def _check_endpoint(endpoint: str | None) -> None:
    if endpoint is not None and not _is_web(endpoint):
        raise InvalidRequestError(
            "The endpoint begins with neither http:// nor https://",
            object=endpoint,
            remedy="Write it as https://host, http://host:9000 or https://host/path",
        )
    # Both show where the store shows, and no store reads them.
    place = endpoint or ""
    if any(mark in place for mark in "?#") or "@" in place.partition("://")[2].partition("/")[0]:
        raise InvalidRequestError(
            "The endpoint has a login, a query or a fragment",
            remedy="Give the address alone; credentials have arguments of their own",
        )


def _is_web(url: str) -> bool:
    """Whether a URL has the scheme of the web, in any case."""
    return url.lstrip().lower().startswith(("http://", "https://"))
