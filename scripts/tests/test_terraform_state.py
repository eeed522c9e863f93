"""Whoever has made a database with terraform/ is not sent to the embedded server by silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ecommerce_dms import terraform_state
from ecommerce_dms.settings import SettingsError, load_settings

STATE = {
    "outputs": {"identifier": {"value": "shop-test"}},
    "resources": [{"type": "aws_vpc"}, {"type": "aws_db_instance"}],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(terraform_state, "FOLDER", tmp_path)
    return tmp_path


@pytest.fixture
def nothing(tmp_path: Path) -> Path:
    (tmp_path / "empty.env").touch()
    return tmp_path / "empty.env"


def test_a_stack_without_settings_is_an_error_with_the_way_out(folder: Path, nothing: Path) -> None:
    (folder / "terraform.tfstate").write_text(json.dumps(STATE))
    with pytest.raises(SettingsError, match=r"has made shop-test, and no server is configured.*--env-only"):
        load_settings(environ={}, env_file=nothing)


def test_the_embedded_server_is_still_there_for_who_names_it(folder: Path, nothing: Path) -> None:
    (folder / "terraform.tfstate").write_text(json.dumps(STATE))
    assert load_settings(environ={"DB_SERVER": "embedded"}, env_file=nothing).embedded


@pytest.mark.parametrize(
    "state", ["", "{}", '{"resources": []}', '{"resources": [{"type": "aws_kms_key"}]}', "no JSON"]
)
def test_what_is_no_database_stands_in_nobodys_way(folder: Path, nothing: Path, state: str) -> None:
    (folder / "terraform.tfstate").write_text(state)
    assert load_settings(environ={}, env_file=nothing).embedded


def test_a_state_in_s3_counts_as_a_stack(folder: Path, nothing: Path) -> None:
    (folder / ".terraform").mkdir()
    (folder / ".terraform/terraform.tfstate").write_text(json.dumps({"backend": {"type": "s3"}}))
    with pytest.raises(SettingsError, match="in the backend s3"):
        load_settings(environ={}, env_file=nothing)
