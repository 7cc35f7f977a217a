"""Ids of nodes, swarms, objects, chunks and orders.

Every id is stable for the life of its swarm, and ordered: a tie between two choices is broken by id
and needs no randomness.
"""

from typing import NewType

NodeId = NewType("NodeId", str)
"""A Ray node's id in hexadecimal, or `LOCAL_NODE` on a host without a cluster."""

SwarmId = NewType("SwarmId", str)
"""Sixteen or more characters of `[0-9a-f]`. It is part of the peer URL, and no secret."""

ObjectIndex = NewType("ObjectIndex", int)
"""Place of an object in its swarm's catalog, counted from 0."""

ChunkIndex = NewType("ChunkIndex", int)
"""Place of a chunk in its swarm's catalog, counted from 0."""

OrderId = NewType("OrderId", int)
"""Number of an order to fetch one chunk; each order of a swarm has its own."""

LOCAL_NODE = NodeId("local")
