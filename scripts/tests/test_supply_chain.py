"""What the repository is built from: locks that hold every pin with its hashes, no secret in tree or history."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import supply_chain
from ecommerce_dms import console
from ecommerce_dms.console import UserError

REQUIREMENTS = supply_chain.requirements_files()

# The example of AWS's own documentation has the form of a key and opens nothing; split, so that this file holds none.
PLANTED = (
    'aws_access_key_id = "AKIA'
    + 'QYLPMN5HHHFPZAM2"\naws_secret_access_key = "'
    + "1tUm636uS1yOEcfP5pvfqJ/ml36mF7AkyHsEU0IU"
    + '"\n'
)


def needs(tool: str) -> None:
    """Skips where the tool is not installed."""
    try:
        supply_chain._tool(tool)
    except supply_chain.ToolMissing as error:
        pytest.skip(str(error))


def pins(text: str) -> dict[str, str]:
    """Package → version, for a requirements file or a lock; names as PyPI compares them."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The requirements and locks in a folder of their own, and the program looking there."""
    for path in REQUIREMENTS:
        shutil.copy(path, tmp_path)
        shutil.copy(supply_chain.lock_of(path), tmp_path)
    monkeypatch.setattr(supply_chain, "SCRIPTS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_the_lock_holds_every_pin(path: Path) -> None:
    asked = pins(path.read_text())
    assert asked
    assert asked.items() <= pins(supply_chain.lock_of(path).read_text()).items(), "run scripts/supply_chain.py lock"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.name)
def test_every_locked_package_has_a_hash(path: Path) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", supply_chain.lock_of(path).read_text())
    packages = [entry for entry in entries if "==" in entry.splitlines()[0]]
    assert len(packages) >= len(pins(path.read_text()))
    assert [entry.splitlines()[0] for entry in packages if "--hash=sha256:" not in entry] == []


def test_the_locks_are_what_the_requirements_ask_for() -> None:
    needs("uv")
    try:
        assert supply_chain.main(["lock", "--check"]) == 0
    except supply_chain.IndexUnreachable as error:
        pytest.skip(str(error))


def test_a_changed_pin_makes_its_lock_stale(copied: Path) -> None:
    needs("uv")
    path = copied / "requirements.txt"
    path.write_text(path.read_text().replace("tqdm==4.70.1", "tqdm==4.67.1"))
    try:
        assert supply_chain.main(["lock", "--check"]) == console.FAILED
    except supply_chain.IndexUnreachable as error:
        pytest.skip(str(error))


def test_the_list_of_packages_is_that_of_the_lock() -> None:
    needs("cyclonedx-py")
    assert supply_chain.main(["sbom", "--check"]) == 0
    listed = {part["name"]: part["version"] for part in json.loads(supply_chain.SBOM.read_text())["components"]}
    assert {name: listed.get(name) for name in pins(supply_chain.RUNTIME_LOCK.read_text())} == pins(
        supply_chain.RUNTIME_LOCK.read_text()
    )


def test_a_list_without_a_package_is_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("cyclonedx-py")
    bom = json.loads(supply_chain.SBOM.read_text())
    del bom["components"][0]
    planted = tmp_path / "sbom.cdx.json"
    planted.write_text(json.dumps(bom, indent=2, sort_keys=True) + "\n")
    monkeypatch.setattr(supply_chain, "SBOM", planted)
    assert supply_chain.main(["sbom", "--check"]) == console.FAILED


def test_no_secret_lies_in_the_files_or_the_history() -> None:
    needs("kingfisher")
    assert supply_chain.main(["secrets"]) == 0


def test_a_secret_that_was_committed_and_removed_is_found_and_not_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    needs("kingfisher")

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    planted = tmp_path / "settings.toml"
    planted.write_text(PLANTED)
    git("add", ".")
    git("commit", "--quiet", "--message", "Add settings")
    planted.write_text("")
    git("commit", "--quiet", "--all", "--message", "Take it out again")
    assert supply_chain.main(["secrets", str(tmp_path)]) == console.FAILED
    assert PLANTED.split('"')[3] not in "".join(capfd.readouterr())


def test_packages_that_nobody_could_look_up_are_no_all_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"name": "alembic", "skip_reason": "not found"}
    monkeypatch.setattr(supply_chain, "_audited", lambda _path: [unknown])
    with pytest.raises(supply_chain.IndexUnreachable, match="1 of 1 packages could not be looked up"):
        supply_chain.main(["audit"])


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("requests.exceptions.SSLError: HTTPSConnectionPool(host='pypi.org', port=443)", supply_chain.IndexUnreachable),
        ("requests.exceptions.ConnectionError: name or service not known", supply_chain.IndexUnreachable),
        ("ERROR: alembic==1 has no hash", UserError),
    ],
)
def test_an_index_that_does_not_answer_is_no_finding(
    said: str, kind: type[UserError], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supply_chain, "_tool", lambda name: name)
    monkeypatch.setattr(supply_chain, "_run", lambda command: subprocess.CompletedProcess(command, 1, "", said))
    with pytest.raises(UserError) as raised:
        supply_chain.main(["audit"])
    assert type(raised.value) is kind


def test_no_locked_package_has_a_known_hole() -> None:
    needs("pip-audit")
    done = subprocess.run([sys.executable, supply_chain.__file__, "audit"], capture_output=True, text=True)
    if done.returncode == supply_chain.IndexUnreachable.exit_code:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout
