"""Terraform and an emulated AWS for the tests; each is skipped, with the reason, on a machine that lacks it."""

from __future__ import annotations

import importlib.util
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .stack import PRODUCTION, REPLICA, STACKS, Stack
from .terraform_cli import Terraform, copy_of_module

# Their applies wait for minutes and compute little: begun before the first test of this folder, looked at last.
WAITS = "test_terraform_apply.py"

SCRIPTS = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name == WAITS)


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether the long proofs are to be whole."""
    return request.config.getoption("--full")


@pytest.fixture(scope="session")
def terraform_binary() -> str:
    found = shutil.which("terraform")
    if not found:
        pytest.skip("needs Terraform 1.11 or newer on PATH: https://developer.hashicorp.com/terraform/install")
    return found


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The address of a moto server of our own, on a free port of loopback, stopped by its process id."""
    with emulated_aws() as endpoint:
        yield endpoint


@contextmanager
def emulated_aws(**environment: str) -> Iterator[str]:
    """A moto server with these settings of emulator.py."""
    if importlib.util.find_spec("moto") is None:
        pytest.skip("needs moto, an emulated AWS: pip install -r scripts/requirements-dev.txt")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.aws.emulator"],
        cwd=SCRIPTS,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        port = process.stdout.readline().strip() if ready else ""
        assert port, "the emulated AWS did not start within 60 seconds"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def initialised(terraform_binary: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of terraform/ with the provider that the lock file names."""
    folder = copy_of_module(tmp_path_factory.mktemp("terraform") / "initialised")
    finished = Terraform(folder, None).run("init", "-input=false", "-no-color", "-lockfile=readonly", "-backend=false")
    if finished.code != 0 and "Failed to query available provider packages" in finished.output:
        pytest.skip("needs the provider hashicorp/aws: neither a registry nor a local mirror has it")
    assert finished.code == 0, finished.output
    return folder


@pytest.fixture(scope="session")
def stacks(
    request: pytest.FixtureRequest,
    initialised: Path,
    aws_endpoint: str,
    tmp_path_factory: pytest.TempPathFactory,
    full: bool,
) -> Iterator[dict[str, Stack]]:
    """What test_terraform_apply.py looks at, being applied; empty if none of its tests will run. They share nothing."""
    variables = {**STACKS, "production": PRODUCTION} if full else {"rds": STACKS["rds"].replace(REPLICA, "")}
    if not any(item.path.name == WAITS for item in request.session.items):
        variables = {}
    begun = {}
    try:
        for name, content in variables.items():
            folder = copy_of_module(tmp_path_factory.mktemp(name) / "terraform", initialised=initialised)
            begun[name] = Stack(folder, aws_endpoint, content)
            begun[name].begin()
        yield begun
    finally:
        for stack in begun.values():
            stack.applying.stop()


@pytest.fixture
def terraform(stacks: dict[str, Stack], initialised: Path, aws_endpoint: str, tmp_path: Path) -> Terraform:
    """A fresh copy of the module with empty state, against the emulated AWS."""
    return Terraform(copy_of_module(tmp_path / "terraform", initialised=initialised), aws_endpoint)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a bundle with a certificate authority, in place of Amazon's."""
    return certificate_bundle(tmp_path_factory.mktemp("certificates") / "bundle.pem", days=4000).as_uri()


def certificate_bundle(file: Path, *, days: int) -> Path:
    """A self-signed authority that ends in so many days."""
    x509 = pytest.importorskip("cryptography.x509", reason="needs cryptography, which moto brings")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test's authority")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=4000))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return file
