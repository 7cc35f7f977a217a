"""A stand-in of the services of AWS that turn a role into keys: STS, a container's, an instance's.

It gives the keys of an identity of the S3 server, which knows no session tokens: so the token is
empty. Each service asks for what AWS asks for, and refuses anything else.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs

from xfd_testing.hub.wire import Answer, Exchange, Request, WebServer
from xfd_testing.s3 import Identity

ROLE = "arn:aws:iam::111122223333:role/models-reader"
POD_TOKEN = "token-of-the-pod"
SESSION = "session-of-the-metadata"
EXPIRES = "2096-01-05T10:00:00Z"
"""In a year in which these keys are not used any more."""

_ROLES = "/latest/meta-data/iam/security-credentials/"


class AwsIdentities:
    """The three services on one address. Use `running`.

    Attributes:
        url: the address.
    """

    def __init__(self, identity: Identity, folder: Path) -> None:
        self._identity = identity
        self._token_file = folder / "token"
        self._token_file.write_text(POD_TOKEN)
        self._web = WebServer("aws", self)
        self.url = self._web.url

    @property
    def exchanges(self) -> list[Exchange]:
        """All requests so far."""
        return self._web.exchanges

    def web_identity(self) -> dict[str, str]:
        """Variables as EKS gives them to a pod whose service account has a role."""
        return {
            "AWS_ROLE_ARN": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self._token_file),
            "AWS_ENDPOINT_URL_STS": self.url,
        }

    def container(self) -> dict[str, str]:
        """Variables as EKS Pod Identity and ECS give them."""
        return {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{self.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(self._token_file),
        }

    def instance(self) -> dict[str, str]:
        """The address of the metadata of an instance with a role."""
        return {
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url,
        }

    def answer(self, request: Request) -> Answer:
        """The answer to one request."""
        if request.method == "POST":
            return self._assumed(parse_qs(request.body.decode()))
        if request.path == "/v1/credentials":
            is_pod = request.headers.get("authorization") == POD_TOKEN
            return self._keys() if is_pod else Answer(401)
        if request.path == "/latest/api/token":
            ttl = request.headers.get("x-aws-ec2-metadata-token-ttl-seconds")
            if request.method != "PUT" or ttl is None:
                return Answer(400)
            headers = {"x-aws-ec2-metadata-token-ttl-seconds": ttl}
            return Answer(200, headers, SESSION.encode())
        if request.headers.get("x-aws-ec2-metadata-token") != SESSION:
            return Answer(401)
        if request.path == _ROLES:
            return Answer(200, body=b"models-reader")
        return self._keys() if request.path == f"{_ROLES}models-reader" else Answer(404)

    def _assumed(self, asked: dict[str, list[str]]) -> Answer:
        wanted = {
            "Action": ["AssumeRoleWithWebIdentity"],
            "RoleArn": [ROLE],
            "WebIdentityToken": [POD_TOKEN],
        }
        if {name: asked.get(name) for name in wanted} != wanted:
            return Answer(400)
        keys = {
            "AccessKeyId": self._identity.access_key_id,
            "SecretAccessKey": self._identity.secret_access_key,
            "SessionToken": "",
            "Expiration": EXPIRES,
        }
        fields = "".join(f"<{name}>{value}</{name}>" for name, value in keys.items())
        action = "AssumeRoleWithWebIdentity"
        body = (
            f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>'
            f"<Credentials>{fields}</Credentials></{action}Result></{action}Response>"
        )
        return Answer(200, {"Content-Type": "text/xml"}, body.encode())

    def _keys(self) -> Answer:
        keys = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "LastUpdated": "2026-01-05T10:00:00Z",
            "AccessKeyId": self._identity.access_key_id,
            "SecretAccessKey": self._identity.secret_access_key,
            "Token": "",
            "Expiration": EXPIRES,
        }
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(keys).encode())

    def stop(self) -> None:
        """Ends the server."""
        self._web.stop()


@contextmanager
def running(identity: Identity) -> Iterator[AwsIdentities]:
    """The services for the length of a block; all of them give the keys of `identity`."""
    with tempfile.TemporaryDirectory(prefix="xfd-aws-") as folder:
        services = AwsIdentities(identity, Path(folder))
        try:
            yield services
        finally:
            services.stop()
