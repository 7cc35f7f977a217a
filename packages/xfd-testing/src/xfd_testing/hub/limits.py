"""The hub's rate limits: so many requests in a window of fixed length, then 429."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field

from xfd_testing.hub.wire import Answer


@dataclass
class RateLimit:
    """One limit; its first window begins with its first request.

    Attributes:
        requests: in each window.
        window_s: length of a window.
        headers: which headers say when it ends: `RateLimit`, `Retry-After`, or both.
    """

    requests: int
    window_s: float
    headers: tuple[str, ...] = ("RateLimit", "Retry-After")
    _begin: float = field(default=-math.inf, repr=False)
    _count: int = field(default=0, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def refuse(self, resource: str) -> Answer | None:
        """Counts one request; the answer 429 if it is one too many.

        Args:
            resource: what the limit is on, "api" or "resolvers".
        """
        with self._lock:
            now = time.monotonic()
            if now >= self._begin + self.window_s:
                self._begin, self._count = now, 0
            self._count += 1
            if self._count <= self.requests:
                return None
            reset_s = math.ceil(self._begin + self.window_s - now)
        said = {}
        if "RateLimit" in self.headers:
            said["RateLimit"] = f'"{resource}";r=0;t={reset_s}'
            window = f"q={self.requests};w={math.ceil(self.window_s)}"
            said["RateLimit-Policy"] = f'"fixed window";"{resource}";{window}'
        if "Retry-After" in self.headers:
            said["Retry-After"] = str(reset_s)
        return Answer(429, {**said, "Content-Type": "text/html"}, b"Too Many Requests")
