"""One host of a libtorrent swarm: makes the torrent, seeds it, or fetches it.

TCP only, no rate limits, no tracker, DHT or local discovery: every peer is given all addresses, as
in a cluster with a scheduler that knows them. The seed is an ordinary one: with super-seeding,
peers of libtorrent 2.1.1 get no first piece here.
"""

import sys
import time
from pathlib import Path

import libtorrent as lt

PORT = 6881
PIECE = 2**20


def session(address: str) -> "lt.session":
    """A session on the host's own address."""
    return lt.session(
        {
            "listen_interfaces": f"{address}:{PORT}",
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_outgoing_utp": False,
            "enable_incoming_utp": False,
            "unchoke_slots_limit": -1,
            "connection_speed": 200,
            "in_enc_policy": int(lt.enc_policy.disabled),
            "out_enc_policy": int(lt.enc_policy.disabled),
            "min_reconnect_time": 1,
            "max_failcount": 1000,
            "alert_mask": 0,
        }
    )


def make(folder: Path, torrent: Path) -> None:
    """Writes the torrent of a folder."""
    storage = lt.file_storage()
    lt.add_files(storage, str(folder))
    made = lt.create_torrent(storage, PIECE, lt.create_torrent.v1_only)
    lt.set_piece_hashes(made, str(folder.parent))
    torrent.write_bytes(lt.bencode(made.generate()))


def run(torrent: Path, target: Path, address: str, peers: list[str]) -> None:
    """Fetches until everything is here, and then seeds until it is ended."""
    here = session(address)
    wanted = lt.add_torrent_params()
    wanted.ti = lt.torrent_info(str(torrent))
    wanted.save_path = str(target)
    wanted.flags &= ~(lt.torrent_flags.auto_managed | lt.torrent_flags.paused)
    handle = here.add_torrent(wanted)
    # Of two peers one connects: if both do at once, both may drop it as a duplicate.
    for peer in peers[: peers.index(address)]:
        handle.connect_peer((peer, PORT))
    while not handle.status().is_seeding:
        time.sleep(0.05)
    print("seeding", time.time(), flush=True)
    while True:
        time.sleep(60)


def main() -> None:
    """Arguments: make FOLDER TORRENT, or fetch TORRENT TARGET ADDRESS PEER...

    A seed fetches into the folder that has everything.
    """
    what, *rest = sys.argv[1:]
    if what == "make":
        make(Path(rest[0]), Path(rest[1]))
    else:
        torrent, target, address, *peers = rest
        run(Path(torrent), Path(target), address, peers)


main()
