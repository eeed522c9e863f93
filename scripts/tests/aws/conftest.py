"""Terraform and an emulated AWS for the tests; each is skipped, with the reason, on a machine that lacks it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ecommerce_dms.embedded import EmbeddedServer

from . import walk as on_the_walk
from .clone import ProcessWatcher
from .emulated_aws import emulated_aws
from .stack import PRODUCTION, STACKS, Stack
from .terraform_cli import Terraform, copy_of_module
from .walk import Walk

SCRIPTS = Path(__file__).parents[2]
HERE = Path(__file__).parent

# The provider polls a new database at its own pace: minutes of waiting, little computing. So the start and the destroy
# of the walk go on in the background, and the tests that wait for neither stand between those that do.
BEGINS, BETWEEN, STARTED, BETWEEN_AGAIN, DESTROYED = range(5)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if HERE in item.path.parents]
    stages = {item: stage(item, config.getoption("--full")) for item in ours}
    fillers = [item for item in ours if stages[item] == BETWEEN]
    # A file stays whole: what its tests share is made once.
    early = {item.path for item in fillers[: len(fillers) * 2 // 3]}
    stages |= {item: BETWEEN_AGAIN for item in fillers if item.path not in early}
    places = [place for place, item in enumerate(items) if item in stages]
    for place, item in zip(places, sorted(ours, key=stages.__getitem__), strict=True):
        items[place] = item


def stage(item: pytest.Item, full: bool) -> int:
    if item.path.name == "test_terraform_apply.py":
        return DESTROYED if full else STARTED
    named = {"destroyed": DESTROYED, "started": STARTED, "walk": BEGINS}
    return next((stage for fixture, stage in named.items() if fixture in item.fixturenames), BETWEEN)


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
    """What test_terraform_apply.py looks at with --full, being applied. They share nothing."""
    applied = full and any(item.path.name == "test_terraform_apply.py" for item in request.session.items)
    variables = {**STACKS, "production": PRODUCTION} if applied else {}
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
def watcher() -> Iterator[ProcessWatcher]:
    """Looks at every process from now on."""
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("the watcher reads Linux's /proc")
    with ProcessWatcher() as watcher:
        yield watcher


@pytest.fixture(scope="session")
def walk(
    watcher: ProcessWatcher,
    initialised: Path,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: str,
    full: bool,
) -> Iterator[Walk]:
    """The user's path before its first step."""
    folder = tmp_path_factory.mktemp("walk")
    server = EmbeddedServer(folder / "server")
    try:
        server.start()
        with on_the_walk.public_address() as sources:
            settings = {
                "RDS_CA_BUNDLE_URL": certificates,
                "PUBLIC_ADDRESS_SOURCES": sources,
                "ECOMMERCE_DMS_HOME": str(folder / "embedded"),
            }
            with on_the_walk.beginning(folder, server, initialised, haste=not full, **settings) as walk:
                yield walk
    finally:
        server.destroy()


@pytest.fixture(scope="session")
def started(walk: Walk) -> Walk:
    """The stack is up. Whoever looks at how it came about looks at what `starting` printed."""
    done = walk.starting().result()
    assert done.code == 0, done.output[-6000:]
    return walk


@pytest.fixture(scope="session")
def phases(full: bool) -> tuple[str, ...]:
    """Those of the destroyer behind which it is interrupted."""
    return tuple(on_the_walk.DONE_ALREADY) if full else ("snapshot",)


@pytest.fixture(scope="session")
def destroyed(started: Walk, phases: tuple[str, ...]) -> Walk:
    """The stack is gone."""
    ended = started.destroying(phases).result()[-1]
    assert ended.code == 0, ended.output[-6000:]
    return started


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
