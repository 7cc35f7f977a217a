"""Takes pictures of what a user sees, of real runs: `nox -s bench -- screens FOLDER`.

An S3 server and a Ray cluster of three nodes run on this host. Links are limited, so that there is
something to see. Each picture is the screen of a real terminal, what a pipe got, or a notebook.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.screens import terminal
from benchmarks.screens.notebook import picture_of_notebook
from xfd_testing import artifacts
from xfd_testing.ray_cluster import RayCluster
from xfd_testing.s3 import S3Server, running

BUCKET = "models"
MIB = 2**20
XFD = (sys.executable, "-m", "xfd_ray")
GET = (sys.executable, "-m", "xfd_dataplane")
MODELS = ("llama", "qwen", "gemma")
"""Another one for each run that is to fetch something: what a node has, it takes from there."""
SOURCE, PIPED, NOTED = (f"s3://{BUCKET}/{model}/" for model in MODELS)
SLOWLY = ("--limit-rate", "16MiB", "--chunk-size", "4MiB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="nox -s bench -- screens", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go, such as docs/screens")
    folder: Path = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with running() as server, tempfile.TemporaryDirectory(prefix="xfd-screens-") as place:
        _upload(server, Path(place))
        _surround(server)
        cluster = RayCluster.start(3)
        try:
            os.environ["RAY_ADDRESS"] = cluster.address
            os.chdir(place)
            for name, svg in _screens().items():
                (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
            picture_of_notebook(folder / "notebook.png", NOTED)
        finally:
            cluster.stop()


def _upload(server: S3Server, folder: Path) -> None:
    server.make_bucket(BUCKET)
    for model in MODELS:
        for number in range(1, 5):
            file = folder / f"model-0000{number}-of-00004.safetensors"
            file.write_bytes(os.urandom(64 * MIB))
            server.upload(BUCKET, f"{model}/{file.name}", file)
            file.unlink()
        for key, body in artifacts.small_objects(40).items():
            server.put(BUCKET, f"{model}/tokenizer/{key}", body)


def _surround(server: S3Server) -> None:
    """What a user's shell has, and the shells that Ray was started in."""
    os.environ |= {
        "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_ACCESS_KEY_ID": server.owner.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.owner.secret_access_key,
        "AWS_REGION": server.region,
    }


def _screens() -> dict[str, str]:
    screens = {}
    for name, command in {
        "doctor": ("doctor", f"s3://{BUCKET}/llama/tokenizer/"),
        "plan": ("plan", SOURCE, "llama", "--link-rate", "48MiB"),
    }.items():
        screens[name] = _whole((*XFD, *command), f"xfd {' '.join(command)}")
    screens |= _distribution()
    screens["cache"] = _whole((*XFD, "cache", "du", "--cluster"), "xfd cache du --cluster")
    screens["get"] = _half_way((*GET, SOURCE, "here/", *SLOWLY), f"xfd-get {SOURCE} here/")
    return screens


def _distribution() -> dict[str, str]:
    title = f"xfd get {SOURCE} llama"
    command = (*XFD, "get", SOURCE, "llama", *SLOWLY, "--report", "run.json")
    run = terminal.Terminal(command)
    run.wait(lambda shown: " 50 %" in shown or " 55 %" in shown or " 60 %" in shown)
    screens = {"bar": run.picture(title)}
    screens["status"] = _whole((*XFD, "status"), "xfd status")
    run.end()
    screens["done"] = run.picture(title)
    piped = (*XFD, "get", PIPED, "qwen", *SLOWLY)
    lines = subprocess.run(piped, capture_output=True, text=True, check=True)
    shown = (lines.stderr + lines.stdout).splitlines()
    screens["lines"] = terminal.of_lines(shown, f"xfd get {PIPED} qwen 2>&1 | cat")
    return screens


def _whole(command: tuple[str, ...], title: str) -> str:
    run = terminal.Terminal(command)
    if code := run.end():
        raise RuntimeError(f"{title} ended with {code}:\n" + "\n".join(run.lines()))
    return run.picture(title)


def _half_way(command: tuple[str, ...], title: str) -> str:
    run = terminal.Terminal(command)
    run.wait(lambda shown: any(f" {percent} %" in shown for percent in range(50, 70)))
    picture = run.picture(title)
    run.end()
    return picture


if __name__ == "__main__":
    main()
