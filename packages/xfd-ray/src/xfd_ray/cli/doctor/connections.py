"""Whether the nodes reach each other: each listens as a worker does, and others connect."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import ray
from ray import exceptions as ray_errors

from xfd_api.errors import PeerPortError, XfdError
from xfd_api.ids import NodeId
from xfd_ray.cluster.each_node import pinned_to
from xfd_ray.cluster.errors import worker_error
from xfd_ray.metrics.endpoint import listen
from xfd_ray.placement import NodeInfo

CONNECT_S = 5.0
"""Time for one connection, in seconds; that of a worker."""

MOST_PARTNERS = 8
"""Others that a node connects to if these are all; on a larger cluster `partners` chooses."""

START_S = 60.0
"""Time for all listeners to start, in seconds."""

_GREETING_BYTES = 16


class Listener:
    """Listens on a node's address, and connects to other listeners; a Ray actor.

    It greets whoever connects with a word of its own: another program at that address, or another
    node behind it, is found out.
    """

    def __init__(self) -> None:
        self._greeting = secrets.token_bytes(_GREETING_BYTES)
        self._socket: socket.socket | None = None

    def listen(self, host: str, ports: tuple[int, int] | None) -> tuple[str, int, bytes]:
        """Returns the address, the port, and the word of greeting.

        Raises:
            PeerPortError: no port of the range is free, or the address is not this node's.
        """
        try:
            self._socket = listen(host, ports)
        except OSError as error:
            where = host if ports is None else f"{host}, ports {ports[0]}-{ports[1]}"
            raise PeerPortError(f"It cannot listen on {where}: {error.strerror}") from error
        threading.Thread(target=self._greet, args=(self._socket,), daemon=True).start()
        return host, self._socket.getsockname()[1], self._greeting

    def connect(self, others: Mapping[NodeId, tuple[str, int, bytes]]) -> dict[NodeId, float | str]:
        """Of each other listener the seconds that it took to be greeted, or what went wrong."""
        return {node: _greeted(*address) for node, address in others.items()}

    def _greet(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.sendall(self._greeting)


def _greeted(host: str, port: int, greeting: bytes) -> float | str:
    began = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S) as connection:
            said = connection.recv(_GREETING_BYTES, socket.MSG_WAITALL)
    except OSError as error:
        return f"{host}:{port}: {error.strerror or error}"
    if said != greeting:
        return f"{host}:{port}: another program or node answers there"
    return time.monotonic() - began


def partners(nodes: Sequence[NodeId]) -> dict[NodeId, list[NodeId]]:
    """Which others each node connects to: all of them, or on a large cluster some.

    These are 1, 2, 4, 8 ... places further on. So each node is connected to as often as it
    connects, and a part of the cluster that is cut off is noticed.

    Example:
        >>> partners([NodeId("a"), NodeId("b"), NodeId("c")])
        {'a': ['b', 'c'], 'b': ['c', 'a'], 'c': ['a', 'b']}
    """
    count = len(nodes)
    steps = list(range(1, count))
    if len(steps) > MOST_PARTNERS:
        steps = [2**power for power in range(count.bit_length()) if 2**power < count]
    return {
        node: [nodes[(place + step) % count] for step in steps] for place, node in enumerate(nodes)
    }


Tried = Mapping[NodeId, Mapping[NodeId, float | str] | XfdError]
"""By node, of each other node the seconds to be greeted or what went wrong; or why it could not."""


def connections(nodes: Sequence[NodeInfo], ports: tuple[int, int] | None) -> Tried:
    """Lets the nodes connect to each other.

    Args:
        nodes: of the cluster.
        ports: first and last port that a node may listen on; None for any free port.
    """
    listener: Any = ray.remote(Listener)
    actors: dict[NodeId, Any] = {
        node.id: listener.options(**pinned_to(node)).remote() for node in nodes
    }
    try:
        answers = _all(
            {node.id: actors[node.id].listen.remote(node.address, ports) for node in nodes}
        )
        tried: dict[NodeId, Any] = {
            node: answer for node, answer in answers.items() if isinstance(answer, XfdError)
        }
        up = {node: answer for node, answer in answers.items() if node not in tried}
        calls = {
            node: actors[node].connect.remote({other: up[other] for other in others})
            for node, others in partners(list(up)).items()
        }
        return {**tried, **_all(calls)}
    finally:
        for actor in actors.values():
            ray.kill(actor)


def _all(references: Mapping[NodeId, Any]) -> dict[NodeId, Any]:
    until = time.monotonic() + START_S
    answers: dict[NodeId, Any] = {}
    for node, reference in references.items():
        try:
            answers[node] = ray.get(reference, timeout=max(0.0, until - time.monotonic()))
        except (ray_errors.RayError, XfdError) as error:
            answers[node] = _as_error(error, node)
    return answers


def _as_error(error: BaseException, node: NodeId) -> XfdError:
    converted = worker_error(error, node)
    if isinstance(converted, XfdError):
        return converted
    return PeerPortError(f"It did not answer: {converted}", node=node)
