"""Every Python block of the specification runs, with only its import lines changed.

What the blocks leave open is given: the values they write as `...`, the names they use without
defining them, and the S3 server, through `AWS_ENDPOINT_URL_S3`.
"""

from __future__ import annotations

import ast
import io
import os
import pathlib
import shutil
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

import xfd_ray
from xfd_api import DownloadRequest, ObjectStoreConfig, ObjectStoreConfigByProfile
from xfd_pipelines import file_distribution
from xfd_pipelines.v1 import Stage
from xfd_testing import artifacts, ray_cluster
from xfd_testing.markdown import Block, blocks_of
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import Identity, S3Server

PAGE = Path(__file__).parents[2] / "docs" / "specification.md"
BLOCKS = [block for block in blocks_of(PAGE) if block.language == "python"]
IMPORTS = {
    "from cosmos_xenna import file_distribution": "from xfd_pipelines import file_distribution",
    "from cosmos_xenna.pipelines import v1 as pipelines_v1": (
        "from xfd_pipelines import v1 as pipelines_v1"
    ),
    "from cosmos_xenna.pipelines.private import pipelines, specs": (
        "from xfd_pipelines import pipelines, specs"
    ),
    "import pathlib": "import pathlib",
}
READER = Identity(
    "spec-reader", "spec-reader-secret", ("my-models-bucket", "company-models", "public-datasets")
)
WEIGHTS = b"".join(artifacts.random_bytes(3 * 2**20, seed=11))
PLACES = [
    Path("/tmp/models"),
    Path("/tmp/datasets"),
    Path("/tmp/tokenizers"),
    Path("/tmp/model.bin"),
    Path("/tmp/train.tar"),
    Path("/tmp/bert-base"),
    Path("/tmp/bert-base.tar.gz"),
]
"""The destinations that the specification names."""

EARLIER: dict[str, Any] = {"file_distribution": file_distribution, "pathlib": pathlib}
"""Names that the later blocks have from the import lines of the first."""


def test_the_page_has_the_blocks_that_are_run_here() -> None:
    assert len(BLOCKS) == 4


@pytest.fixture(scope="module")
def store() -> Iterator[S3Server]:
    """A server with everything that the specification asks for."""
    server = S3Server.start([READER])
    try:
        for bucket in READER.buckets or ():
            server.make_bucket(bucket)
        server.put("my-models-bucket", "models/my-model/pytorch_model.bin", WEIGHTS)
        for key, body in artifacts.small_objects(40).items():
            server.put("my-models-bucket", f"tokenizers/my-tokenizer/{key}", body)
        packed = artifacts.tar_gz(server._folder / "a.tar.gz", artifacts.environment(50))
        server.upload("my-models-bucket", "datasets/my-dataset.tar.gz", packed)
        server.upload("company-models", "models/bert-base.tar.gz", packed)
        server.put("company-models", "llama2/pytorch_model.bin", WEIGHTS)
        server.put("public-datasets", "imagenet/train.tar", WEIGHTS[:1000])
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def nodes(store: S3Server) -> Iterator[RayCluster]:
    """A cluster that knows the server's address, and no keys."""
    env = {
        "AWS_ENDPOINT_URL_S3": store.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "*",
    }
    before = dict(os.environ)
    os.environ.update(env)
    try:
        with ray_cluster.running(2, env=env) as running:
            yield running
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def places() -> Iterator[None]:
    """The specification's destinations, removed afterwards if they were not there before.

    Workers of the cluster may keep what they serve open; that harms nobody.
    """
    new = [place for place in PLACES if not place.exists()]
    yield
    for place in new:
        for each in [place, *place.parent.glob(f".{place.name}.xfd*")]:
            if each.is_dir():
                shutil.rmtree(each, ignore_errors=True)
            else:
                each.unlink(missing_ok=True)


class Keys(ast.NodeTransformer):
    """Replaces keyword arguments that a block writes as "..." with values."""

    values: ClassVar = {
        "access_key_id": READER.access_key_id,
        "secret_access_key": READER.secret_access_key,
    }

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if isinstance(node.value, ast.Constant) and node.value.value == "...":
            assert node.arg is not None
            node.value = ast.copy_location(ast.Constant(self.values[node.arg]), node.value)
        return self.generic_visit(node)


def run(block: Block, names: dict[str, Any]) -> Any:
    """Runs a block in a namespace; returns the value of its last line, if that is an expression."""
    lines = [
        IMPORTS[line] if line.startswith(("import ", "from ")) else line
        for line in block.text.splitlines()
    ]
    text = "\n" * (block.line - 1) + "\n".join(lines)
    tree = ast.fix_missing_locations(Keys().visit(ast.parse(text, str(PAGE))))
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(compile(tree, str(PAGE), "exec"), names)
        return None
    exec(compile(ast.Module(tree.body[:-1], []), str(PAGE), "exec"), names)
    return eval(compile(ast.Expression(last.value), str(PAGE), "eval"), names)


def small_torch() -> types.SimpleNamespace:
    """Stands in for torch, which is gigabytes: `load` reads a file."""
    return types.SimpleNamespace(load=lambda path: io.FileIO(path).readall())


class MyProcessingStage(Stage):
    def process_data(self, items: list[Any]) -> list[Any]:
        return [item * 2 for item in items]


def test_pipeline_integration(nodes: RayCluster, drive: Any, places: None) -> None:
    """The first two blocks: a stage with requests, and a pipeline with it."""
    first, second = BLOCKS[:2]
    names: dict[str, Any] = {
        "__name__": "__main__",  # As in a user's script, so that classes travel by value.
        "torch": small_torch(),
        "my_input_data": list(range(20)),
        "MyProcessingStage": MyProcessingStage,
    }
    with drive(nodes):
        run(first, names)
        run(second, names)
        assert names["results"] == [2 * item for item in range(20)]
        assert Path("/tmp/models/pytorch_model.bin").read_bytes() == WEIGHTS
        tree = Path("/tmp/datasets/extracted")
        assert artifacts.tree_differences(tree, artifacts.environment(50)) == []
        assert artifacts.tree_of(Path("/tmp/tokenizers")) == artifacts.small_objects(40)


def test_profiles(nodes: RayCluster, drive: Any, places: None) -> None:
    """The third block: requests of two profiles, and the stores they name."""
    names = dict(EARLIER)
    run(BLOCKS[2], names)
    config = names["config_by_profile"]
    assert isinstance(config, ObjectStoreConfigByProfile)
    requests = names["download_requests"].fget(None)
    with drive(nodes):
        report = xfd_ray.download_distributed(requests, config)
    assert Path("/tmp/model.bin").read_bytes() == WEIGHTS
    assert Path("/tmp/train.tar").read_bytes() == WEIGHTS[:1000]
    assert report.origin_bytes == len(WEIGHTS) + 1000


def test_archive_extraction(nodes: RayCluster, drive: Any, places: None) -> None:
    """The fourth block: one request, given to a call."""
    request = run(BLOCKS[3], dict(EARLIER))
    assert isinstance(request, DownloadRequest)
    store = ObjectStoreConfig.make_for_s3(
        "company-models",
        access_key_id=READER.access_key_id,
        secret_access_key=READER.secret_access_key,
    )
    with drive(nodes):
        xfd_ray.download_distributed([request], store)
    tree = Path("/tmp/bert-base")
    assert artifacts.tree_differences(tree, artifacts.environment(50)) == []
    assert Path("/tmp/bert-base.tar.gz").exists()
