"""The content delivery network of the hub: large files behind signed addresses that expire."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlencode

from xfd_testing.hub.repository import HubFile
from xfd_testing.hub.wire import Answer, Request, WebServer, part_of

LIFETIME_S = 3600.0
_KEY = b"xfd-testing"


@dataclass(frozen=True)
class Fault:
    """How one answer goes wrong.

    Attributes:
        status: an error in place of the file.
        cut_after: the connection ends after so many bytes of the body.
        bytes_per_s: the body is so slow.
    """

    status: int | None = None
    cut_after: int | None = None
    bytes_per_s: float | None = None


class Cdn:
    """Serves blobs by addresses that only `sign` makes.

    A request with an Authorization header is refused, as Amazon S3 does: its token has leaked.

    Attributes:
        lifetime_s: of an address.
        faults: the next answers, one fault each; then all goes well again.
        lost: blob ids that addresses are made for, and that are not there.
    """

    def __init__(self) -> None:
        self.lifetime_s = LIFETIME_S
        self.faults: deque[Fault] = deque()
        self.lost: set[str] = set()
        self._blobs: dict[str, HubFile] = {}
        self._generation = 0
        self._web = WebServer("cdn", self)
        self.url = self._web.url
        self.exchanges = self._web.exchanges

    def stop(self) -> None:
        """Ends the server."""
        self._web.stop()

    def sign(self, file: HubFile) -> str:
        """An address of a file, good for `lifetime_s`."""
        self._blobs[file.sha256] = file
        path = f"/repos/{file.xet_hash[:8]}/{file.sha256}"
        expires = int(time.time() + self.lifetime_s)
        query = {
            "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(expires - self.lifetime_s)),
            "X-Amz-Expires": str(int(self.lifetime_s)),
            "Expires": str(expires),
            "Signature": self._signature(path, str(expires)),
        }
        return f"{self.url}{path}?{urlencode(query)}"

    def expire_all(self) -> None:
        """Every address that was made so far is refused from now on."""
        self._generation += 1

    def answer(self, request: Request) -> Answer:
        """The file of a signed address, or a range of it."""
        if "authorization" in request.headers:
            return _error(400, "InvalidArgument", "Only one auth mechanism allowed")
        expires = request.query.get("Expires", "0")
        signed = self._signature(request.path, expires)
        if not hmac.compare_digest(signed, request.query.get("Signature", "")):
            return _error(403, "AccessDenied", "Request has expired")
        if time.time() >= int(expires):
            return _error(403, "AccessDenied", "Request has expired")
        blob = request.path.rpartition("/")[2]
        if blob in self.lost:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        fault = self._next_fault(request)
        if fault.status is not None:
            return _error(fault.status, "SlowDown", "Please reduce your request rate.")
        # The network knows an ETag of its own, which is not the blob id.
        headers = {"ETag": f'"{hashlib.md5(blob.encode()).hexdigest()}"'}
        content = self._blobs[blob].content
        answer = part_of(content, request.headers.get("range"), headers, blob)
        answer.cut_after, answer.bytes_per_s = fault.cut_after, fault.bytes_per_s
        return answer

    def _next_fault(self, request: Request) -> Fault:
        if request.method != "GET":
            return Fault()
        try:
            return self.faults.popleft()
        except IndexError:
            return Fault()

    def _signature(self, path: str, expires: str) -> str:
        text = f"{self._generation} {expires} {path}"
        return hmac.new(_KEY, text.encode(), hashlib.sha256).hexdigest()


def _error(status: int, code: str, message: str) -> Answer:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(status, {"Content-Type": "application/xml"}, text.encode())
