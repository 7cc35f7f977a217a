"""Continues an expired lease whose driver has attached again. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from xfd_api.chunks import CatalogObject, Chunk
from xfd_api.identity import version_identity
from xfd_api.ids import ChunkIndex, ObjectIndex
from xfd_ray.coordinator.lease_progress import LeaseProgress
from xfd_scheduler.state.bitset import mask_of, positions

_Index = TypeVar("_Index", ObjectIndex, ChunkIndex)


def carry_over(before: LeaseProgress, progress: LeaseProgress) -> None:
    """Adds the progress of an expired lease to the one that continues it.

    Objects and chunks have other indexes by now, so they are compared by identity and place. Nodes
    take new inventories before anything counts as landed.
    """
    new_index = {_version(item): item.index for item in progress.objects.values()}
    objects = {
        item.index: new_index[_version(item)]
        for item in before.objects.values()
        if _version(item) in new_index
    }
    new_chunk = {
        _place(chunk, {k: k for k in progress.objects}): chunk.index
        for chunk in progress.chunks.values()
    }
    places = {chunk.index: _place(chunk, objects) for chunk in before.chunks.values()}
    chunks = {index: new_chunk[place] for index, place in places.items() if place in new_chunk}
    for node, old in before.nodes.items():
        progress.nodes[node] = replace(
            old,
            share=progress.whole,
            landed=0,
            failed=0,
            cached=_moved(old.cached, objects),
            inspected=_moved(old.inspected, objects),
            missing=_moved(old.missing, chunks),
            received=_moved(old.received, chunks),
            resumed=_moved(old.resumed, chunks),
            done_at=None,
            unlinked=progress.snapshots,
            ended_before=old.done_at or old.ended_before,
            locked_by={},
        )
    progress.missing_anywhere = {
        chunks[index] for index in before.missing_anywhere if index in chunks
    }
    progress.held_anywhere = {chunks[index] for index in before.held_anywhere if index in chunks}
    progress.origin_rate = before.origin_rate
    progress.recorder = before.recorder.renumbered(chunks, objects)
    progress.earlier_origin_bytes = {
        objects[index]: size for index, size in before.origin_bytes_of().items() if index in objects
    }


def _version(item: CatalogObject) -> Hashable:
    """A version under whichever name its store has: another swarm may have renamed the profile."""
    return version_identity(replace(item, profile_name=None))


def _place(chunk: Chunk, objects: Mapping[ObjectIndex, ObjectIndex]) -> object:
    """The ranges of the lease's objects in a chunk."""
    return tuple(
        (objects[span.object], span.offset, span.length)
        for span in chunk.spans
        if span.object in objects
    )


def _moved(members: int, to: Mapping[_Index, _Index]) -> int:
    """The same set under new indexes."""
    before = set(positions(members))
    return mask_of([new for old, new in to.items() if old in before])
