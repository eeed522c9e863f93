"""Fixtures for the tests of the tooling. Those named embedded_… give whole servers; nothing is a mock."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import contract_shop
import pytest
from ecommerce_dms import terraform_state
from ecommerce_dms.aws import ca_bundle
from ecommerce_dms.embedded import EmbeddedServer
from ecommerce_dms.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def nothing_on_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' settings do not depend on a stack that this clone has made, nor on what was fetched for it."""
    monkeypatch.setattr(terraform_state, "FOLDER", tmp_path / "no-terraform")
    monkeypatch.setattr(ca_bundle, "FOLDER", tmp_path / "no-certificates")


@pytest.fixture(scope="session")
def embedded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A running server of this test run alone, for tests that do not stop it."""
    server = EmbeddedServer(tmp_path_factory.mktemp("embedded"))
    try:
        server.start()
        yield server
    finally:
        server.destroy()


@pytest.fixture(scope="session")
def embedded_settings(embedded_server: EmbeddedServer) -> Settings:
    """`embedded_server` as if it were any other server, by host, port and password."""
    return load_settings(environ=as_environment(embedded_server.connection_parameters()))


@pytest.fixture(scope="session")
def master(embedded_settings: Settings) -> Settings:
    """What most tests work as: no superuser, but CREATEROLE, CREATEDB and ADMIN on pg_monitor, as on RDS."""
    return embedded_settings


@pytest.fixture(scope="session")
def superuser(embedded_server: EmbeddedServer) -> Settings:
    """For what only an administrator can see or do."""
    return load_settings(environ=as_environment(embedded_server.superuser_parameters()))


@pytest.fixture
def embedded_own(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that the test may do anything to; not made or started yet."""
    server = EmbeddedServer(tmp_path / "own")
    try:
        yield server
    finally:
        server.destroy()


@pytest.fixture
def embedded_public_folder() -> Iterator[Path]:
    """A folder that every user can reach and nobody else owns, unlike pytest's own, which are closed."""
    folder = Path(tempfile.mkdtemp(prefix="ecommerce-dms-test-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def as_environment(parameters: dict[str, str | int], **changed: str) -> dict[str, str]:
    """Connection parameters as the environment variables that say the same."""
    names = {
        "host": "DB_HOST",
        "port": "DB_PORT",
        "user": "DB_USER",
        "password": "DB_PASSWORD",
        "dbname": "DB_NAME",
    }
    return {names[key]: str(value) for key, value in parameters.items()} | changed


def only_home(home: Path, **more: str) -> dict[str, str]:
    """The environment of a fresh login: a HOME, PATH, and how to reach the package index."""
    kept = {key: value for key, value in os.environ.items() if key.startswith("PIP_")}
    return {**kept, "HOME": str(home), "PATH": os.environ.get("PATH", os.defpath), **more}


def until(condition: Callable[[], object], what: str) -> None:
    """Returns as soon as the condition holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.001)


def is_gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has taken note of yet counts as ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture(scope="session")
def app_credentials(target: Settings) -> Iterator[tuple[str, str]]:
    """Name and password of a login that is a member of shop_app and of nothing else."""
    with contract_shop.app_login(target) as credentials:
        yield credentials


@pytest.fixture
def shop(scratch: Settings, app_credentials: tuple[str, str]) -> Iterator[contract_shop.Shop]:
    """A small shop in a database of its own; after the test nothing in it may break an invariant."""
    built = contract_shop.Shop(scratch, *app_credentials)
    try:
        yield built
        assert built.violations() == []
    finally:
        built.close()
