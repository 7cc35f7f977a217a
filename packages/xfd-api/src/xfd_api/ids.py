"""The names that the parts of a swarm call each other by.

Every id is stable for the life of its swarm, and ordered, so that a tie between two choices can
always be ended by an id instead of by chance.
"""

from typing import NewType

NodeId = NewType("NodeId", str)
"""A Ray node's id in hexadecimal, or `LOCAL_NODE` where there is no cluster."""

SwarmId = NewType("SwarmId", str)
"""Sixteen or more characters of `[0-9a-f]`; part of the peer URL, and no secret."""

ObjectIndex = NewType("ObjectIndex", int)
"""Place of an object in its swarm's catalog, counted from 0."""

ChunkIndex = NewType("ChunkIndex", int)
"""Place of a chunk in its swarm's catalog, counted from 0."""

OrderId = NewType("OrderId", int)
"""Number of an order to fetch one chunk; each order of a swarm has its own."""

LOCAL_NODE = NodeId("local")
