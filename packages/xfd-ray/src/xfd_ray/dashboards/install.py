"""Copies the dashboard and the rules to where Grafana and Prometheus read them.

Ray's dashboard writes a folder for each of the two when a session starts, for whoever runs them:

    SESSION/metrics/grafana/provisioning/dashboards/default.yml   names the folder of dashboards
    SESSION/metrics/grafana/grafana.ini                           what Grafana starts with
    SESSION/metrics/prometheus/prometheus.yml                     what Prometheus starts with

A new session has new ones, so the copies are made once for each session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from xfd_api.errors import DestinationNotWritableError, InvalidRequestError
from xfd_api.whole_file import write_whole

DASHBOARD = "xfd.json"
RULES = "xfd_rules.yml"
METRICS_ROOT = "RAY_METRICS_OUTPUT_ROOT"
"""Ray's variable for another folder than `SESSION/metrics`."""

READABLE = 0o644
"""Permissions of the copies: Prometheus and Grafana run as other users."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Where the copies are, as absolute paths.

    Attributes:
        dashboard: read by Grafana within seconds.
        rules: the recording and alert rules.
        grafana: what a Grafana of this session starts with; None for a folder of one's own.
        prometheus: what a Prometheus of this session starts with; None likewise.
        is_rules_loaded: whether that Prometheus loads the rules when it starts or is reloaded.
    """

    dashboard: str
    rules: str
    grafana: str | None = None
    prometheus: str | None = None
    is_rules_loaded: bool = False


def into_folder(folder: Path) -> Installed:
    """Copies both into one folder, which is made if it is missing.

    Raises:
        DestinationNotWritableError: the folder cannot be written.

    Example:
        >>> import tempfile
        >>> installed = into_folder(Path(tempfile.mkdtemp()))
        >>> Path(installed.dashboard).name, Path(installed.rules).name
        ('xfd.json', 'xfd_rules.yml')
    """
    folder = folder.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DestinationNotWritableError(
            f"The folder cannot be made: {error.strerror}", path=str(folder)
        ) from error
    return Installed(_copy("xfd.json", folder / DASHBOARD), _copy("rules.yml", folder / RULES))


def into_session(session: Path, environ: Mapping[str, str]) -> Installed:
    """Copies both to where Ray has Grafana and Prometheus of a session look.

    Prometheus's configuration gets the line that loads the rules, unless it loads some already.

    Args:
        session: the session's folder, on the head node.
        environ: variables of Ray's processes there.

    Raises:
        InvalidRequestError: Ray has not made its folders there.
        DestinationNotWritableError: they cannot be written.
    """
    metrics = Path(environ.get(METRICS_ROOT) or session / "metrics")
    grafana, prometheus = metrics / "grafana" / "grafana.ini", metrics / "prometheus"
    config = prometheus / "prometheus.yml"
    dashboards = _provisioned_folder(metrics)
    dashboard = _copy("xfd.json", dashboards / DASHBOARD)
    rules = _copy("rules.yml", prometheus / RULES)
    loaded = _load_rules(config)
    return Installed(dashboard, rules, str(grafana), str(config), loaded)


def _provisioned_folder(metrics: Path) -> Path:
    import yaml

    provisioning = metrics / "grafana" / "provisioning" / "dashboards" / "default.yml"
    try:
        providers = yaml.safe_load(provisioning.read_text())["providers"]
        return Path(providers[0]["options"]["path"])
    except (OSError, LookupError, TypeError, yaml.YAMLError) as error:
        raise InvalidRequestError(
            "Ray has made no folder for Grafana's dashboards",
            path=str(provisioning),
            remedy="Start Ray's dashboard, which ray[default] has, on the head node; or name a "
            "folder of your own with --to DIR",
        ) from error


def _load_rules(config: Path) -> bool:
    import yaml

    try:
        text = config.read_text()
        loaded = (yaml.safe_load(text) or {}).get("rule_files")
        if loaded is None:
            write_whole(config, f"{text.rstrip()}\n\nrule_files:\n- {RULES}\n", mode=READABLE)
            return True
    except (OSError, AttributeError, yaml.YAMLError):  # There is none, or it is not Ray's to edit.
        return False
    return isinstance(loaded, list) and RULES in loaded


def _copy(name: str, to: Path) -> str:
    text = resources.files("xfd_ray.dashboards").joinpath(name).read_text()
    write_whole(to, text, mode=READABLE)
    return str(to)
