"""A call's progress, its deadline, its cancellation, and others like it at the same time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from local_objects import an_object, put

from xfd_api.errors import (
    DeadlineExceededError,
    DownloadCancelledError,
    InvalidRequestError,
)
from xfd_api.progress import Progress
from xfd_api.stores import ObjectStoreConfig
from xfd_dataplane import download

MIB = 2**20


def test_progress_only_grows_and_ends_at_everything(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "a", 4 * MIB)
    seen: list[Progress] = []

    download(
        [an_object("a", tmp_path / "a")],
        store,
        chunk_size_bytes=MIB,
        download_bytes_per_s=8 * MIB,
        on_progress=seen.append,
    )

    done = [each.done_bytes for each in seen]
    assert done == sorted(done)
    assert len(set(done)) > 2
    last = seen[-1]
    assert (last.done_bytes, last.total_bytes, last.nodes_done) == (4 * MIB, 4 * MIB, 1)
    assert (last.objects_done, last.objects) == (1, 1)


def test_a_download_is_cancelled_within_a_second_and_goes_on_later(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "a", 8 * MIB)
    cancel = threading.Event()
    cancelled_at: list[float] = []

    def stop_halfway(now: Progress) -> None:
        if now.done_bytes > 2 * MIB and not cancel.is_set():
            cancelled_at.append(time.monotonic())
            cancel.set()

    with pytest.raises(DownloadCancelledError):
        download(
            [an_object("a", tmp_path / "a")],
            store,
            chunk_size_bytes=MIB // 4,
            node_parallelism=2,
            download_bytes_per_s=4 * MIB,
            on_progress=stop_halfway,
            cancel=cancel,
        )
    assert time.monotonic() - cancelled_at[0] < 1.0
    assert not (tmp_path / "a").exists()

    report = download([an_object("a", tmp_path / "a")], store, chunk_size_bytes=MIB // 4)
    assert (tmp_path / "a").read_bytes() == body
    assert report.origin_bytes < 7 * MIB


def test_a_deadline_ends_it(origin: Path, store: ObjectStoreConfig, tmp_path: Path) -> None:
    put(origin, "a", 8 * MIB)
    started = time.monotonic()

    with pytest.raises(DeadlineExceededError):
        download(
            [an_object("a", tmp_path / "a")],
            store,
            download_bytes_per_s=MIB,
            deadline_s=0.5,
        )

    assert time.monotonic() - started < 1.5


def test_an_error_in_the_callers_callback_is_the_callers(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    put(origin, "a", 100)

    def burst(_: Progress) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        download([an_object("a", tmp_path / "a")], store, on_progress=burst)


def test_settings_that_make_no_sense_are_refused(store: ObjectStoreConfig) -> None:
    with pytest.raises(InvalidRequestError):
        download([], store, node_parallelism=0)
    with pytest.raises(ValueError, match="sometimes"):
        download([], store, durability="sometimes")


def test_two_downloads_of_one_thing_share_the_work(
    origin: Path, store: ObjectStoreConfig, tmp_path: Path
) -> None:
    body = put(origin, "a", 4 * MIB)
    reports = []

    def one(rate: int | None) -> None:
        reports.append(
            download(
                [an_object("a", tmp_path / "a")],
                store,
                chunk_size_bytes=MIB,
                download_bytes_per_s=rate,
            )
        )

    threads = [threading.Thread(target=one, args=(rate,)) for rate in (8 * MIB, None)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert (tmp_path / "a").read_bytes() == body
    assert sum(report.origin_bytes for report in reports) == len(body)
