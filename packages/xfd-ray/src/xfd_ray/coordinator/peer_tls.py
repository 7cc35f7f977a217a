"""Who vouches for the nodes of a swarm whose peers speak TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xfd_api.ids import SwarmId
    from xfd_api.ports import PeerAuthority
    from xfd_ray.messages import Terms


def authority_of(swarm: SwarmId, terms: Terms) -> PeerAuthority | None:
    """A new authority for this swarm; None if its peers speak in plain text.

    Its key stays in this process, and is gone with the swarm.
    """
    if not terms.peer_tls:
        return None
    # Imported here: a coordinator needs the data plane for nothing else.
    from xfd_dataplane.peer_authority import PeerAuthority

    return PeerAuthority(swarm)
