"""A cluster in a box: hosts as network namespaces on one bridge, each link with a rate limit.

Every host has an address, a host name, and a `/tmp` and `/data` of its own (bind mounts that end
with its processes). One more host, `s3`, is for the object store. Needs root and iproute2. A guard,
a process of its own, removes all of it when the `with` block ends or this process does, however it
ends. A machine has one bed at a time; a second one is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

NETWORK = "10.78.0"
S3_HOST = "s3"
PREFIX = "xfdbed"
LOCK = f"/var/tmp/{PREFIX}.lock"
DISK = Path("/var/tmp")
MEMORY = Path("/dev/shm")
BRIDGE = f"{PREFIX}-hub"
FIREWALL = "/proc/sys/net/bridge/bridge-nf-call-iptables"
"""Whether frames on a bridge pass the machine's firewall. A switch has none, and here it would cost
every host processor time."""

DISABLED, FORWARDING = "0", "3"
"""States of a bridge's port."""

ENTER = """
hostname "$1"; mount --bind "$2/data" /data; mount --bind "$2/tmp" /tmp; shift 2; exec "$@"
"""


class BedError(RuntimeError):
    """The bed cannot be made or used; the message says why."""


def check_machine() -> None:
    """Checks that this machine can make network namespaces.

    Raises:
        BedError: not Linux, not root, or no iproute2.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise BedError("The cluster benchmark makes network namespaces: run it as root on Linux")
    for tool in ("ip", "tc", "bridge", "unshare"):
        if shutil.which(tool) is None:
            raise BedError(f"The cluster benchmark needs {tool}: install iproute2 and util-linux")


class Bed:
    """N hosts `n0` ... and the host `s3`.

    Attributes:
        rates: Mbit/s of each host's link, both ways; 0 for no limit.

    Args:
        disks: where the hosts' files are; a folder in memory is a disk quicker than any link.
        congestion: TCP's congestion control on the hosts, such as "reno"; the machine's if None.
    """

    def __init__(
        self,
        nodes: int,
        mbit: int,
        s3_mbit: int | None = None,
        *,
        disks: Path = DISK,
        congestion: str | None = None,
    ) -> None:
        self.hosts = [f"n{place}" for place in range(nodes)]
        self.rates = dict.fromkeys(self.hosts, mbit)
        self.rates[S3_HOST] = mbit if s3_mbit is None else s3_mbit
        self._disks = disks
        self._congestion = congestion
        self._folder = Path()
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Bed:
        check_machine()
        # Held by the guard from here on, until nothing of the bed is left.
        lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove_leftovers()
            self._folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-", dir=self._disks))
            # The guard's standard input ends with this process, or in `__exit__`.
            self._guard = subprocess.Popen(
                [sys.executable, __file__, str(self._folder)],
                stdin=subprocess.PIPE,
                start_new_session=True,
                pass_fds=[lock],
            )
        except BlockingIOError:
            raise BedError(f"There is another bed on this machine ({LOCK} is locked)") from None
        finally:
            os.close(lock)
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()

    def address(self, host: str) -> str:
        """The host's IPv4 address."""
        return f"{NETWORK}.{2 if host == S3_HOST else 10 + int(host[1:])}"

    def data(self, host: str) -> Path:
        """The host's `/data`, seen from outside."""
        return self._folder / host / "data"

    def argv(self, host: str, command: Sequence[str]) -> list[str]:
        """The command, run on a host."""
        enter = ["unshare", "-u", "bash", "-ec", ENTER, "bed", host, str(self._folder / host)]
        return ["ip", "netns", "exec", _namespace(host), *enter, *command]

    def start(
        self, host: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path
    ) -> subprocess.Popen[bytes]:
        """Starts a command on a host and goes on; it ends with the bed at the latest."""
        with log.open("ab") as sink:
            return subprocess.Popen(
                self.argv(host, command),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    def converse(
        self, host: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path
    ) -> subprocess.Popen[str]:
        """Starts a command on a host whose standard input and output are ours, line by line."""
        with log.open("ab") as sink:
            return subprocess.Popen(
                self.argv(host, command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                env={**os.environ, **(env or {})},
                text=True,
                bufsize=1,
            )

    def start_on_bridge(self, command: Sequence[str], output: Path) -> subprocess.Popen[bytes]:
        """Starts a command in the bridge's namespace, which has every host's link."""
        with output.open("wb") as sink:
            return subprocess.Popen(
                ["ip", "netns", "exec", BRIDGE, *command], stdin=subprocess.DEVNULL, stdout=sink
            )

    def run(
        self,
        host: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 600,
    ) -> str:
        """Runs a command on a host to its end and returns what it printed.

        Raises:
            BedError: it failed; the end of what it printed is in the message.
        """
        done = subprocess.run(
            self.argv(host, command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            timeout=timeout_s,
            check=False,
        )
        text = done.stdout.decode(errors="replace")
        if done.returncode != 0:
            raise BedError(f"{command} on {host} ended with {done.returncode}:\n{text[-3000:]}")
        return text

    def limit(self, host: str, mbit: int) -> None:
        """Sets the host's rate in Mbit/s, both ways; 0 for no limit."""
        self.rates[host] = mbit
        if mbit:
            self._shape(host, f"{mbit}mbit")
            return
        for namespace, device in _ends(host):
            with contextlib.suppress(BedError):
                _run("tc", "-n", namespace, "qdisc", "del", "dev", device, "root")

    def _shape(self, host: str, rate: str, *, burst: str = "256kb", latency: str = "100ms") -> None:
        shape = ["root", "tbf", "rate", rate, "burst", burst, "latency", latency]
        for namespace, device in _ends(host):
            _run("tc", "-n", namespace, "qdisc", "replace", "dev", device, *shape)

    def cut(self, host: str) -> None:
        """Has the bridge drop all frames from and to a host; neither side is told. `heal` ends it.

        Its link stays up, as behind a switch that fails.
        """
        _run("bridge", "-n", BRIDGE, "link", "set", "dev", _port(host), "state", DISABLED)

    def heal(self, host: str) -> None:
        """Lets frames through again, at the rate that the link had."""
        _run("bridge", "-n", BRIDGE, "link", "set", "dev", _port(host), "state", FORWARDING)
        self.limit(host, self.rates[host])

    def starve(self, host: str, kbit: int) -> None:
        """Leaves a link only so many kbit/s, both ways, until `heal`."""
        self._shape(host, f"{kbit}kbit", burst="16kb", latency="400ms")

    def pids(self, host: str, title: str) -> list[int]:
        """Processes of a host whose command line contains this text."""
        found = []
        for pid in map(int, _ip("netns", "pids", _namespace(host)).split()):
            with contextlib.suppress(OSError):  # It ended meanwhile.
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
                if title in command.decode(errors="replace"):
                    found.append(pid)
        return found

    def _make(self) -> None:
        Path("/data").mkdir(exist_ok=True)
        _ip("netns", "add", BRIDGE)
        _ip("-n", BRIDGE, "link", "add", "br0", "type", "bridge")
        _ip("-n", BRIDGE, "link", "set", "br0", "up")
        if Path(FIREWALL).exists():
            _run("ip", "netns", "exec", BRIDGE, "sh", "-c", f"echo 0 > {FIREWALL}")
        for host, mbit in list(self.rates.items()):
            self._make_host(host)
            self.limit(host, mbit)

    def _make_host(self, host: str) -> None:
        name, port = _namespace(host), _port(host)
        _ip("netns", "add", name)
        peer = ["peer", "name", port, "netns", BRIDGE]
        _ip("-n", name, "link", "add", "eth0", "type", "veth", *peer)
        _ip("-n", name, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            _ip("-n", name, "link", "set", device, "up")
        if self._congestion is not None:
            setting = f"net.ipv4.tcp_congestion_control={self._congestion}"
            _ip("netns", "exec", name, "sysctl", "-qw", setting)
        _ip("-n", BRIDGE, "link", "set", port, "master", "br0")
        _ip("-n", BRIDGE, "link", "set", port, "up")
        for folder in ("tmp", "data"):
            (self._folder / host / folder).mkdir(parents=True)
        (self._folder / host / "tmp").chmod(0o1777)


def remove_leftovers() -> None:
    """Ends every process on the hosts of any bed, and removes the namespaces."""
    for name in _namespaces():
        deadline = time.monotonic() + 5
        while pids := _ip("netns", "pids", name).split():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
        _ip("netns", "del", name)


def _namespaces() -> Iterator[str]:
    for line in _ip("netns", "list").splitlines():
        if line.startswith(f"{PREFIX}-"):
            yield line.split()[0]


def _namespace(host: str) -> str:
    return f"{PREFIX}-{host}"


def _ends(host: str) -> tuple[tuple[str, str], ...]:
    """Namespace and device of both ends of a host's link."""
    return (_namespace(host), "eth0"), (BRIDGE, _port(host))


def _port(host: str) -> str:
    return f"p-{host}"


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BedError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def guard(folder: Path) -> None:
    """Waits for the end of the standard input, and removes the bed."""
    sys.stdin.buffer.read()
    remove_leftovers()
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
