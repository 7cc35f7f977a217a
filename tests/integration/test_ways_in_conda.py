"""A packed conda environment on every node, and an actor that runs in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from xfd_api.errors import (
    CondaUnpackError,
    InvalidRequestError,
    ObjectNotFoundError,
    UnknownArchiveError,
    VersionMismatchError,
    XfdError,
)
from xfd_api.stores import ObjectStoreConfig
from xfd_ray.frameworks import conda
from xfd_testing import conda_env
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import ONCE, S3Server

ROOT = Path(__file__).parents[2]


class Inside:
    """Says where it runs."""

    def where(self) -> tuple[str, str]:
        import in_the_environment  # type: ignore[import-not-found]

        return sys.prefix, in_the_environment.PREFIX


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with this test's Ray, packed by conda-pack."""
    home = tmp_path_factory.mktemp("conda")
    prefix = conda_env.make_prefix(home / "env", conda_env.own_packages())
    return conda_env.pack(prefix, home / "env.tar.gz")


def put(s3_server: S3Server, bucket: str, archive: Path, key: str = "env.tar.gz") -> int:
    """Stores an archive; returns its size."""
    content = archive.read_bytes()
    s3_server.put(bucket, key, content)
    return len(content)


def prefixes(driver: RayCluster, runtime_env: dict[str, Any]) -> list[tuple[str, str]]:
    """What an actor in the environment says on each node."""
    pinned = [NodeAffinitySchedulingStrategy(node.id, soft=False) for node in driver.nodes]
    inside = ray.remote(Inside)
    actors = [
        inside.options(num_cpus=0, scheduling_strategy=each, runtime_env=runtime_env).remote()
        for each in pinned
    ]
    said: list[tuple[str, str]] = ray.get([each.where.remote() for each in actors], timeout=60)
    return said


def test_an_actor_runs_in_the_environment_of_its_node(
    bucket: str, driver: RayCluster, s3_server: S3Server, packed: Path
) -> None:
    size = put(s3_server, bucket, packed)
    store = ObjectStoreConfig.make_for_s3(bucket)
    runtime_env = conda.environment("env.tar.gz", f"{bucket}/env", store)
    folders = [str(root / bucket / "env") for root in driver.roots]
    assert prefixes(driver, runtime_env) == [(folder, folder) for folder in folders]
    assert conda.environment("env.tar.gz", f"{bucket}/env", store) == runtime_env
    assert s3_server.sent_bytes(bucket) <= ONCE * size


def test_an_absolute_folder_is_one_for_all_nodes_of_a_host(
    bucket: str, driver: RayCluster, s3_server: S3Server, packed: Path, tmp_path: Path
) -> None:
    put(s3_server, bucket, packed)
    folder = tmp_path / "of all" / "env"
    runtime_env = conda.environment(f"s3://{bucket}/env.tar.gz", folder, keep_archive=False)
    assert runtime_env == {"py_executable": f"'{folder}/bin/python'"}
    assert set(prefixes(driver, runtime_env)) == {(str(folder), str(folder))}
    assert sorted(each.name for each in folder.parent.iterdir() if each.name[0] != ".") == ["env"]


def test_an_environment_that_workers_could_not_run_in_is_refused(
    bucket: str, driver: RayCluster, s3_server: S3Server, tmp_path: Path
) -> None:
    archive = conda_env.pack(conda_env.make_prefix(tmp_path / "env"), tmp_path / "env.tar.gz")
    put(s3_server, bucket, archive)
    with pytest.raises(VersionMismatchError, match=r"has no Ray, .* Install ray=="):
        conda.environment(f"s3://{bucket}/env.tar.gz", f"{bucket}/env")


@pytest.mark.parametrize(
    ("uri", "error", "what"),
    [
        ("s3://{bucket}/plain.tar", CondaUnpackError, "no bin/conda-unpack.*Pack the environment"),
        ("s3://{bucket}/nothing.tar.gz", ObjectNotFoundError, "Check the uri"),
        ("s3://{bucket}/env.rar", UnknownArchiveError, "names no archive format"),
        ("s3://{bucket}/env.gz", InvalidRequestError, "single file"),
        ("azure://{bucket}/env.tar.gz", InvalidRequestError, "knows no azure:// uris"),
    ],
)
def test_what_is_no_environment_is_refused(
    bucket: str,
    driver: RayCluster,
    s3_server: S3Server,
    tmp_path: Path,
    uri: str,
    error: type[XfdError],
    what: str,
) -> None:
    (tmp_path / "file").touch()
    subprocess.run(["tar", "cf", tmp_path / "plain.tar", "-C", tmp_path, "file"], check=True)
    put(s3_server, bucket, tmp_path / "plain.tar", "plain.tar")
    with pytest.raises(error, match=what):
        conda.environment(uri.format(bucket=bucket), f"{bucket}/env")
    assert not any((root / bucket / "env").exists() for root in driver.roots)


def test_the_example_says_where_it_runs(
    bucket: str, cluster: RayCluster, s3_server: S3Server, packed: Path
) -> None:
    put(s3_server, bucket, packed)
    example = [str(ROOT / "examples/conda_environment.py"), f"s3://{bucket}/env.tar.gz"]
    run = subprocess.run(
        [sys.executable, *example, "--module", conda_env.MODULE],
        env={
            **s3_server.environment(),
            "RAY_ADDRESS": cluster.address,
            "RAY_AUTH_MODE": "disabled",
        },
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("The actor runs in ")
    assert conda_env.MODULE in run.stdout
