"""scripts/.env as the start script keeps it: the user's lines stay, and there is one way to log in."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ecommerce_dms.aws import env_file
from ecommerce_dms.console import UsageError
from ecommerce_dms.settings import load_settings

STACK = {
    "DB_HOST": "shop-test.abc.eu-west-1.rds.amazonaws.com",
    "DB_PORT": "5432",
    "DB_NAME": "shop",
    "DB_USER": "shop_master",
    "DB_ENVIRONMENT": "test",
    "AWS_REGION": "eu-west-1",
    "DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf",
}

USERS = """\
# mine
OTHER='with blanks and $'   # and a comment

export AWS_PROFILE=me
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".env"


def test_every_line_of_the_user_stays_as_it_was_typed(path: Path) -> None:
    path.write_text(USERS)
    env_file.write(env_file.read(path), "shop-test", STACK)
    assert path.read_text().startswith(USERS)
    env_file.clear(env_file.read(path))
    assert path.read_text() == USERS


def test_it_says_whose_settings_these_are(path: Path) -> None:
    assert env_file.read(path).stack == ""
    env_file.write(env_file.read(path), "shop-test", STACK)
    assert env_file.read(path).stack == "shop-test"


def test_writing_it_again_replaces_what_was_written(path: Path) -> None:
    path.write_text(USERS)
    for _ in range(3):
        env_file.write(env_file.read(path), "shop-test", STACK)
    assert path.read_text().count("DB_HOST=") == 1
    env_file.write(env_file.read(path), "shop-test", {**STACK, "DB_HOST": "other.example.com"})
    assert load_settings(environ={}, env_file=path).host == "other.example.com"


def test_nobody_else_may_read_it(path: Path) -> None:
    path.write_text(USERS)
    path.chmod(0o644)
    env_file.write(env_file.read(path), "shop-test", STACK)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "elsewhere")
    env_file.write(env_file.read(path), "shop-test", STACK)
    assert path.is_symlink()
    assert "DB_HOST" in (tmp_path / "elsewhere").read_text()


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(USERS)
    file = env_file.read(path)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(env_file.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        env_file.write(file, "shop-test", STACK)
    assert path.read_text() == USERS
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "line", ["DB_AUTH=iam", "DB_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:other", "DB_USER=somebody"]
)
def test_what_contradicts_the_stack_becomes_a_comment(path: Path, line: str) -> None:
    path.write_text(f"{line}\nKEPT=1\n")
    assert env_file.write(env_file.read(path), "shop-test", STACK) == [line.split("=")[0]]
    settings = load_settings(environ={}, env_file=path)
    assert (settings.auth, settings.user) == ("secret", "shop_master")
    assert line in path.read_text()
    assert "\nKEPT=1\n" in path.read_text()


def test_a_password_of_the_user_is_the_only_way_in(path: Path) -> None:
    path.write_text("DB_PASSWORD=of-my-own-choosing\n")
    file = env_file.read(path)
    assert file.password == "of-my-own-choosing"
    env_file.write(file, "shop-test", {key: value for key, value in STACK.items() if key != "DB_SECRET_ARN"})
    assert load_settings(environ={}, env_file=path).auth == "password"
    assert "of-my-own-choosing" not in repr(file)


@pytest.mark.parametrize(
    "line",
    ["DB_HOST=db.example.com", "DATABASE_URL=postgresql://me:secret@db.example.com/shop", "DB_SERVER=embedded"],
)
def test_a_file_for_another_server_is_not_touched(path: Path, line: str) -> None:
    path.write_text(f"{line}\nDB_PASSWORD=of-another-server\n")
    with pytest.raises(UsageError, match="that file is for another server") as refused:
        env_file.read(path).refuse_another_server(STACK["DB_HOST"])
    assert "secret" not in str(refused.value)


def test_a_host_that_the_user_copied_from_the_stack_is_no_contradiction(path: Path) -> None:
    path.write_text(f"DB_HOST={STACK['DB_HOST']}\n")
    file = env_file.read(path)
    file.refuse_another_server(STACK["DB_HOST"])
    assert env_file.write(file, "shop-test", STACK) == []
    assert load_settings(environ={}, env_file=path).host == STACK["DB_HOST"]
