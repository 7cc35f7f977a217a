"""Applies inventories: what nodes hold, what has landed there, and what they want from now on."""

from __future__ import annotations

from collections.abc import Collection

from xfd_api.ids import NodeId, ObjectIndex
from xfd_api.reports import Inventory
from xfd_scheduler.intake.failures import Failures
from xfd_scheduler.state.bitset import mask_of, positions
from xfd_scheduler.state.keys import key_of
from xfd_scheduler.state.node import Member
from xfd_scheduler.state.swarm_state import SwarmState
from xfd_scheduler.state.transitions import close_chunk, hold_chunk, lose_chunk
from xfd_scheduler.tuning import FIRST_ORIGIN_READS, MUCH_MISSED_SHARE


class Inventories:
    """Applies inventories to a swarm.

    Chunks that an inventory asks for are opened by `open_wanted`, together for all nodes that want
    the same: a thousand nodes with one catalog cost no more than one.
    """

    def __init__(self, swarm: SwarmState, failures: Failures) -> None:
        self.swarm = swarm
        self.failures = failures
        self._to_open: dict[int, int] = {}
        """Chunks (bit set) to the nodes (bit set) that want exactly these."""

    def add(self, member: Member, objects: tuple[ObjectIndex, ...], inventory: Inventory) -> None:
        """The node wants what is missing of these objects; a later inventory replaces earlier ones.

        Args:
            member: the node.
            objects: the objects that it examined.
            inventory: all that it holds of them.
        """
        swarm = self.swarm
        refused = swarm.refused.keys() & set(objects)
        if inventory.elsewhere or refused or member.wants:
            self.open_wanted()  # Only a node's first, plain inventory changes nothing that is open.
        wanted_before = member.wants
        examined = mask_of(list(objects))
        is_repeated = bool(member.inventoried & examined)
        member.inventoried |= examined
        member.landed &= ~examined
        member.failed &= ~examined
        for item in objects:
            member.locked_by_other.pop(item, None)
            swarm.failures.pop((member.id, item), None)
        self.hold(member, inventory)
        for item, owner in inventory.elsewhere:
            self._is_locked(member, item, owner)
        for item in refused:
            self.failures.fail_object(member, item, swarm.refused[item])
        wanted = self._wanted(member, objects, examined, inventory)
        member.wants |= wanted
        for chunk in positions(wanted & member.open):
            close_chunk(swarm, member, chunk)
        known = wanted & ~swarm.rarity.without_a_copy
        if swarm.banned & member.bit or len(swarm.resting_chunks):
            known = wanted
        self._lose_omitted(member, known if is_repeated else known & ~wanted_before, inventory)
        wanted &= ~mask_of([c for c in positions(known) if not self._is_unwanted(member, c)])
        if wanted:
            self._to_open[wanted] = self._to_open.get(wanted, 0) | member.bit
            self._note_missed(member, wanted)

    def _lose_omitted(self, member: Member, chunks: int, inventory: Inventory) -> None:
        """Books those of the chunks as lost that the node held, and its new inventory leaves out.

        A node may report a chunk that was released meanwhile, and drop it afterwards.
        """
        for run in inventory.held:
            chunks &= ~(((1 << len(run.crcs)) - 1) << run.first_chunk)
        for chunk in positions(chunks):
            if self.swarm.holders[chunk] & member.bit:
                lose_chunk(self.swarm, member, chunk)

    def hold(self, member: Member, inventory: Inventory) -> None:
        """Books the chunks that the node holds, and the objects that have landed there."""
        swarm = self.swarm
        for run in inventory.held:
            for chunk, crc in enumerate(run.crcs, run.first_chunk):
                pin = swarm.pinned_crcs[chunk]
                if crc is not None and pin is None:
                    self.failures.pin(chunk, crc)
                if not swarm.holders[chunk] & member.bit:
                    hold_chunk(swarm, member, chunk)
                if crc is not None and pin is not None and pin != crc:
                    self.failures.bad_copy(member, chunk, "node")
        land_objects(swarm, member, inventory.landed)

    def open_wanted(self) -> None:
        """Opens what inventories asked for."""
        if not self._to_open:
            return
        swarm = self.swarm
        for chunks, nodes in self._to_open.items():
            for chunk in positions(chunks):
                swarm.open_on[chunk] |= nodes
            swarm.open_chunks |= chunks
            swarm.has_open_chunks |= nodes
            for node in positions(nodes):
                swarm.members[node].open |= chunks
        self._to_open.clear()

    def _wanted(
        self,
        member: Member,
        objects: tuple[ObjectIndex, ...],
        examined: int,
        inventory: Inventory,
    ) -> int:
        """Chunks of the objects that this node has to land, as a bit set."""
        swarm = self.swarm
        landed = mask_of(list(inventory.landed))
        if not (landed or inventory.elsewhere or member.failed & examined):
            return swarm.catalog.chunks_mask(objects)
        locked = mask_of([item for item, _ in inventory.elsewhere])
        done = landed | member.failed | locked
        left = tuple(item for item in objects if not (done >> item) & 1)
        return swarm.catalog.chunks_mask(left)

    def _is_unwanted(self, member: Member, chunk: int) -> bool:
        """Whether the chunk is in the state `unwanted` on the node."""
        swarm = self.swarm
        return not (
            (swarm.holders[chunk] | swarm.pending[chunk] | swarm.open_on[chunk]) & member.bit
            or key_of(member.index, chunk) in swarm.resting_chunks
        )

    def _note_missed(self, member: Member, wanted: int) -> None:
        """Notes which chunks others have already, if these are more than the first few.

        The first few are what one node is given before others take their inventory.
        """
        swarm = self.swarm
        missed = wanted & ~swarm.rarity.without_a_copy if swarm.launch_count else 0
        if missed.bit_count() > FIRST_ORIGIN_READS:
            member.missed |= missed
            if missed.bit_count() <= MUCH_MISSED_SHARE * wanted.bit_count():
                swarm.catching_up |= member.bit

    def _is_locked(self, member: Member, item: ObjectIndex, owner: NodeId | None) -> None:
        """Another writer of the node's disk lands the object, or has landed it meanwhile."""
        writer = None if owner is None else self.swarm.by_id.get(owner)
        if writer is not None and (writer.landed >> item) & 1:
            land_objects(self.swarm, member, (item,))
            return
        member.locked_by_other[item] = owner


def land_objects(swarm: SwarmState, member: Member, items: Collection[int]) -> None:
    """The objects have landed on the node, and on those that wait for its writing."""
    landed = mask_of(items) & ~member.landed
    if not landed:
        return
    member.landed |= landed
    for peer in swarm.members.values():
        writers = peer.locked_by_other.items()
        here = [item for item, writer in writers if writer == member.id and landed >> item & 1]
        for item in here:
            del peer.locked_by_other[item]
        land_objects(swarm, peer, here)
