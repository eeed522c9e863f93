"""Amazon's certificates for RDS: fetched once, checked, and used where the server is RDS."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ecommerce_dms.aws import ca_bundle
from ecommerce_dms.settings import load_settings

from .conftest import certificate_bundle

RDS = "shop-test.abc.eu-west-1.rds.amazonaws.com"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return certificate_bundle(tmp_path / "source.pem", days=4000)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ca_bundle, "FOLDER", tmp_path / "certificates")
    return tmp_path / "certificates"


def environment(source: Path) -> dict[str, str]:
    return {"RDS_CA_BUNDLE_URL": source.as_uri()}


def test_it_is_fetched_once_with_date_and_checksum(source: Path, folder: Path) -> None:
    lines = ca_bundle.ensure(environment(source))
    assert len(lines) == 1
    assert "fetched 20" in lines[0]
    note = json.loads((folder / "rds-global-bundle.json").read_text())
    assert note.keys() == {"source", "fetched", "sha256"}
    source.unlink()
    assert ca_bundle.ensure(environment(source)) == lines


def test_a_changed_bundle_is_fetched_anew(source: Path, folder: Path) -> None:
    ca_bundle.ensure(environment(source))
    bundle = folder / "rds-global-bundle.pem"
    bundle.write_text("somebody else's authority")
    assert "is not what was fetched" in ca_bundle.ensure(environment(source))[0]
    assert bundle.read_bytes() == source.read_bytes()


def test_without_a_way_out_the_error_names_one(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ca_bundle.NoCertificates, match=r"on another machine.*RDS_CA_BUNDLE_URL=file://"):
        ca_bundle.ensure(environment(tmp_path / "not-there.pem"))
    assert not folder.exists()


def test_a_page_of_a_proxy_is_no_bundle(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "login.html"
    page.write_text("<html>Please log in</html>")
    with pytest.raises(ca_bundle.NoCertificates, match="holds no certificates"):
        ca_bundle.ensure(environment(page))


def test_certificates_come_over_no_open_line(folder: Path) -> None:
    with pytest.raises(ca_bundle.NoCertificates, match="https:// or from a file"):
        ca_bundle.ensure({"RDS_CA_BUNDLE_URL": "http://example.com/bundle.pem"})


@pytest.mark.parametrize(("days", "word"), [(30, "ends on"), (-1, "ended on")])
def test_an_end_in_sight_is_warned_of(folder: Path, tmp_path: Path, days: int, word: str) -> None:
    source = certificate_bundle(tmp_path / "old.pem", days=days)
    assert f"warning: a certificate in {folder}" in ca_bundle.ensure(environment(source))[1]
    assert word in ca_bundle.ensure(environment(source))[1]


@pytest.mark.parametrize(
    ("host", "sslmode", "used"),
    [
        (RDS, "verify-full", True),
        (RDS, "verify-ca", True),
        (RDS, "require", False),
        ("db.example.com", "verify-full", False),
        ("rds.amazonaws.com.example.com", "verify-full", False),
        (f"{RDS},db.example.com", "verify-full", False),
    ],
)
def test_it_is_the_default_for_rds_alone(source: Path, folder: Path, host: str, sslmode: str, used: bool) -> None:
    assert ca_bundle.for_host(host, sslmode) == ""
    ca_bundle.ensure(environment(source))
    assert (ca_bundle.for_host(host, sslmode) != "") is used


def test_settings_for_rds_take_it_unless_another_one_is_named(source: Path, folder: Path) -> None:
    ca_bundle.ensure(environment(source))
    server = {"DB_HOST": RDS, "DB_NAME": "shop", "DB_USER": "me", "DB_AUTH": "iam"}
    assert load_settings(environ=server, env_file=os.devnull).sslrootcert == str(folder / "rds-global-bundle.pem")
    named = {**server, "DB_SSLROOTCERT": str(source)}
    assert load_settings(environ=named, env_file=os.devnull).sslrootcert == str(source)
