"""Programs that tests start: emulators of clouds, and those of Debian's packages."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess

import nox

from tasks.places import ROOT

FAKE_GCS = "github.com/fsouza/fake-gcs-server@v1.56.1"
AZURITE = "azurite@3.37.0"


def emulators(session: nox.Session) -> dict[str, str]:
    """Variables that name emulators of clouds, which are installed once.

    Without Go or npm there is none of one cloud, and its tests are skipped by name.
    """
    home = ROOT / ".nox" / "emulators"
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/go/bin"])
    gcs, azurite = home / "fake-gcs-server", home / "node_modules" / ".bin" / "azurite-blob"
    env = {"PATH": path, "GOBIN": str(home)}
    npm = ("npm", "install", "--silent", "--no-audit", "--omit=optional", "--prefix", str(home))
    for program, tool, command in (
        (gcs, "go", ("go", "install", FAKE_GCS)),
        (azurite, "npm", (*npm, AZURITE)),
    ):
        if program.exists() or not shutil.which(tool, path=path):
            continue
        try:
            session.run(*command, external=True, env=env)
        except nox.command.CommandFailed:
            session.warn(f"{program.name} cannot be installed: its tests are skipped")
    named = {"XFD_TEST_GCS": gcs, "XFD_TEST_AZURITE": azurite}
    return {name: str(program) for name, program in named.items() if program.exists()}


def debian(session: nox.Session) -> dict[str, str]:
    """Variables that name programs of Debian's packages, which are installed once.

    Prometheus is unpacked beside the emulators: no root, and no service that starts. Chromium
    needs root, for its libraries. The tests of a program that cannot be had are skipped by name.
    """
    home = ROOT / ".nox" / "debian"
    home.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), str(home / "usr" / "bin")])
    patience = "-o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o DPkg::Lock::Timeout=120"
    get = f"DEBIAN_FRONTEND=noninteractive apt-get -qq {patience}"
    unpack = f"{get} download prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb"
    install_it = f"{get} install -y --no-install-recommends chromium"
    starts = "timeout 60 chromium --headless --no-sandbox --dump-dom about:blank"

    def run(command: str) -> bool:
        ran = subprocess.run(command, shell=True, cwd=home, capture_output=True, text=True)
        if ran.returncode:
            session.warn(ran.stderr.strip()[-1000:])
        return ran.returncode == 0

    with (home / "lock").open("w") as lock:  # Sessions may run side by side.
        fcntl.flock(lock, fcntl.LOCK_EX)
        for program, command in (("promtool", unpack), ("chromium", install_it)):
            is_allowed = program == "promtool" or os.geteuid() == 0
            if not shutil.which(program, path=path) and shutil.which("apt-get") and is_allowed:
                # A fresh machine has no lists of packages.
                run(f"{command} || ({get} update && {command})")
    named = {}
    for program in ("prometheus", "promtool", "chromium"):
        found = shutil.which(program, path=path)
        if found and (program != "chromium" or run(starts)):
            named[f"XFD_TEST_{program.upper()}"] = found
        else:
            session.warn(f"{program} is missing: its tests are skipped")
    return named
