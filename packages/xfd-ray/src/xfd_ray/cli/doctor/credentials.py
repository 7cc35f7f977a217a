"""Which credentials a node has for each kind of store, in the order in which they are tried.

It looks at variables and files, and asks no service. Values are never kept: a finding says where
credentials come from, not what they are.
"""

from __future__ import annotations

import configparser
from collections.abc import Callable, Mapping
from pathlib import Path

from xfd_api.stores import StoreKind

IsFile = Callable[[Path], bool]

IDENTITY = "the identity of the machine or pod, if it has one"


def credentials_of(
    environ: Mapping[str, str], home: Path, is_file: IsFile = Path.is_file
) -> dict[StoreKind, str | None]:
    """Where each store's own chain would take credentials from; None: from nowhere.

    Args:
        environ: the variables of the process that asks.
        home: its user's home directory.
        is_file: whether there is a file.
    """
    return {
        StoreKind.S3: _aws(environ, home, is_file),
        StoreKind.GCS: _google(environ, home, is_file),
        StoreKind.AZURE: _azure(environ, home, is_file),
        StoreKind.HUB: _hub(environ, home, is_file),
    }


def _aws(environ: Mapping[str, str], home: Path, is_file: IsFile) -> str | None:
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        return "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    profile = environ.get("AWS_PROFILE") or "default"
    for variable, below in (
        ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"),
        ("AWS_CONFIG_FILE", ".aws/config"),
    ):
        path = Path(environ.get(variable) or home / below)
        if is_file(path) and _has_profile(path, profile):
            return f"profile {profile} in {path}"
    if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environ.get("AWS_ROLE_ARN"):
        return "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN"
    for variable in (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ):
        if environ.get(variable):
            return variable
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    return IDENTITY


def _has_profile(path: Path, profile: str) -> bool:
    """Whether an AWS file has a section for this profile."""
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return False
    return any(name in parser for name in (profile, f"profile {profile}"))


def _google(environ: Mapping[str, str], home: Path, is_file: IsFile) -> str | None:
    if named := environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return f"GOOGLE_APPLICATION_CREDENTIALS: {named}"
    folder = Path(environ.get("CLOUDSDK_CONFIG") or home / ".config" / "gcloud")
    path = folder / "application_default_credentials.json"
    return str(path) if is_file(path) else IDENTITY


def _azure(environ: Mapping[str, str], home: Path, is_file: IsFile) -> str | None:
    for names in (
        ("AZURE_STORAGE_CONNECTION_STRING",),
        ("AZURE_STORAGE_ACCOUNT_KEY",),
        ("AZURE_STORAGE_KEY",),
        ("AZURE_STORAGE_ACCESS_KEY",),
        ("AZURE_STORAGE_SAS_TOKEN",),
        ("AZURE_STORAGE_SAS_KEY",),
        ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"),
        ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE"),
    ):
        if all(environ.get(name) for name in names):
            return " and ".join(names)
    path = Path(environ.get("AZURE_CONFIG_DIR") or home / ".azure") / "azureProfile.json"
    return f"az login: {path}" if is_file(path) else IDENTITY


def _hub(environ: Mapping[str, str], home: Path, is_file: IsFile) -> str | None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if environ.get(name):
            return name
    if environ.get("HF_OIDC_RESOURCE"):
        return "HF_OIDC_RESOURCE"
    cache = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
    folder = Path(environ.get("HF_HOME") or cache / "huggingface")
    path = Path(environ.get("HF_TOKEN_PATH") or folder / "token")
    return str(path) if is_file(path) else None
