"""The authority of one swarm, whose certificates its peers show to each other.

Example:
    >>> authority = PeerAuthority("0f0f")
    >>> authority.issue("node-1").authority == authority.issue("node-2").authority
    True
"""

from xfd_dataplane._native import PeerAuthority

__all__ = ["PeerAuthority"]
