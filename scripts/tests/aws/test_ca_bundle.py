"""Amazon's certificates for RDS: fetched once, checked, and used where the server is RDS."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ecommerce_dms import settings_checks
from ecommerce_dms.aws import ca_bundle
from ecommerce_dms.settings import load_settings

from .conftest import certificate_bundle

RDS = "shop-test.abc.eu-west-1.rds.amazonaws.com"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return certificate_bundle(tmp_path / "source.pem", days=4000)


def environment(source: Path) -> dict[str, str]:
    return {"RDS_CA_BUNDLE_URL": source.as_uri()}


def test_it_is_fetched_once_with_date_and_checksum(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    lines = ca_bundle.ensure(folder, environment(source))
    assert len(lines) == 1
    assert "fetched 20" in lines[0]
    note = json.loads((folder / "rds-global-bundle.json").read_text())
    assert note.keys() == {"source", "fetched", "sha256"}
    source.unlink()
    assert ca_bundle.ensure(folder, environment(source)) == lines


def test_a_changed_bundle_is_fetched_anew(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "certificates"
    ca_bundle.ensure(folder, environment(source))
    bundle = folder / "rds-global-bundle.pem"
    bundle.write_text("somebody else's authority")
    assert "is not what was fetched" in ca_bundle.ensure(folder, environment(source))[0]
    assert bundle.read_bytes() == source.read_bytes()


def test_without_a_way_out_the_error_names_one(tmp_path: Path) -> None:
    with pytest.raises(ca_bundle.NoCertificates, match=r"on another machine.*RDS_CA_BUNDLE_URL=file://"):
        ca_bundle.ensure(tmp_path / "certificates", environment(tmp_path / "not-there.pem"))
    assert not (tmp_path / "certificates").exists()


def test_a_page_of_a_proxy_is_no_bundle(tmp_path: Path) -> None:
    page = tmp_path / "login.html"
    page.write_text("<html>Please log in</html>")
    with pytest.raises(ca_bundle.NoCertificates, match="holds no certificates"):
        ca_bundle.ensure(tmp_path / "certificates", environment(page))


def test_certificates_come_over_no_open_line(tmp_path: Path) -> None:
    with pytest.raises(ca_bundle.NoCertificates, match="https:// or from a file"):
        ca_bundle.ensure(tmp_path, {"RDS_CA_BUNDLE_URL": "http://example.com/bundle.pem"})


@pytest.mark.parametrize(("days", "word"), [(30, "ends on"), (-1, "ended on")])
def test_an_end_in_sight_is_warned_of(tmp_path: Path, days: int, word: str) -> None:
    source = certificate_bundle(tmp_path / "old.pem", days=days)
    assert f"warning: a certificate in {tmp_path}" in ca_bundle.ensure(tmp_path, environment(source))[1]
    assert word in ca_bundle.ensure(tmp_path, environment(source))[1]


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
def test_it_is_the_default_for_rds_alone(source: Path, tmp_path: Path, host: str, sslmode: str, used: bool) -> None:
    folder = tmp_path / "certificates"
    assert ca_bundle.for_host(host, sslmode, folder) == ""
    ca_bundle.ensure(folder, environment(source))
    assert (ca_bundle.for_host(host, sslmode, folder) != "") is used


def test_settings_for_rds_take_it_unless_another_one_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_bundle.ensure(tmp_path / "certificates", environment(source))
    monkeypatch.setattr(
        settings_checks.ca_bundle, "for_host", lambda host, mode: for_host(host, mode, tmp_path / "certificates")
    )
    server = {"DB_HOST": RDS, "DB_NAME": "shop", "DB_USER": "me", "DB_AUTH": "iam"}
    assert load_settings(environ=server).sslrootcert == str(tmp_path / "certificates/rds-global-bundle.pem")
    assert load_settings(environ={**server, "DB_SSLROOTCERT": str(source)}).sslrootcert == str(source)


for_host = ca_bundle.for_host
