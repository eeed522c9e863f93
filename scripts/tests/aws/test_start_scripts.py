"""The shell scripts themselves, Terraform's end in order, and what GitHub is told; test_walk.py starts a real stack."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ecommerce_dms.aws import env_file, github_variables, sign_in, start
from ecommerce_dms.aws.stack import DEFAULT_VAR_FILE, Asked, Stack, TerraformFailed
from ecommerce_dms.console import UserError
from ecommerce_dms.settings import Settings

SCRIPTS = Path(__file__).parents[2]

OUTPUTS: dict[str, Any] = {
    "environment": "test", "region": "eu-west-1", "db_host": "db.example.com", "db_port": 5432, "db_name": "shop",
    "db_user": "shop_master", "db_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop",
    "access": "private", "lease_security_group_id": None, "github_role_arns": {"deploy": "arn:aws:iam::123456789012:role/shop-test-deploy"},
}  # fmt: skip


def program(folder: Path, name: str, text: str) -> Path:
    """An executable on a PATH of its own."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(text)
    file.chmod(0o755)
    return folder


# --- The shell --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["update_env_ci_and_start_tf.sh", "terraform_safe_destroyer.sh"])
def test_it_can_be_called_from_anywhere(script: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["bash", SCRIPTS / script, "--help"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}")


def test_without_a_python_that_can_it_says_how_to_get_one(tmp_path: Path) -> None:
    folder = program(tmp_path / "bin", "python3", "#!/bin/sh\nexit 1\n")
    (folder / "dirname").symlink_to("/usr/bin/dirname")
    (tmp_path / "scripts/ecommerce_dms").mkdir(parents=True)
    for name in ("update_env_ci_and_start_tf.sh", "ecommerce_dms/find_python.sh"):
        (tmp_path / "scripts" / name).write_text((SCRIPTS / name).read_text())
    done = subprocess.run(
        ["/bin/bash", "scripts/update_env_ci_and_start_tf.sh"],
        cwd=tmp_path, env={"PATH": str(folder)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install --require-hashes -r scripts/requirements.lock" in done.stderr


# --- Terraform --------------------------------------------------------------------------------------------------------


def stack(folder: Path, path: Path) -> Stack:
    return Stack(folder, folder / "test.tfvars", {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "TF_LOG": "TRACE"})


def test_an_old_terraform_is_named(tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "terraform", '#!/bin/sh\necho \'{"terraform_version": "1.9.8"}\'\n')
    with pytest.raises(UserError, match=r"terraform is 1\.9\.8, and this needs 1\.11"):
        stack(tmp_path, path).version()


def test_what_is_asked_for_is_read_behind_a_warning(tmp_path: Path) -> None:
    """Terraform's console warns on its standard output where the state is of another stack than the var file."""
    asked = dict.fromkeys(Asked.__dataclass_fields__, "x")
    answer = json.dumps(json.dumps(asked))
    script = f"#!/bin/sh\ncat > /dev/null\ncat << 'END'\n\nWarning: Due to the problems above, …\n\n{answer}\n\nEND\n"
    assert stack(tmp_path, program(tmp_path / "bin", "terraform", script)).asked() == Asked(**asked)


def test_no_trace_of_what_providers_send_is_written(tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "terraform", '#!/bin/sh\necho "log: $TF_LOG"; exit 1\n')
    with pytest.raises(TerraformFailed):
        stack(tmp_path, path).init()
    assert subprocess.run(["sh", "-c", "echo $TF_LOG"], env={"TF_LOG": "x"}, capture_output=True).stdout == b"x\n"


def test_an_interrupted_apply_is_waited_for(tmp_path: Path) -> None:
    """The real program would lose what it made, and would keep the lock."""
    path = program(
        tmp_path / "bin",
        "terraform",
        "#!/bin/sh\ntrap 'echo orderly > ended; exit 1' INT\necho running > begun\nwhile :; do sleep 0.05; done\n",
    )
    code = (
        "from ecommerce_dms import console; from ecommerce_dms.aws.stack import *; import os, pathlib\n"
        "folder = pathlib.Path('.').resolve()\n"
        "raise SystemExit(console.run(lambda: Stack(folder, folder / 'x').apply(folder / 'plan')))\n"
    )
    environment = {**os.environ, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(SCRIPTS)}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        running = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        while not (tmp_path / "begun").exists():
            assert running.poll() is None
        running.send_signal(number)
        _, errors = running.communicate(timeout=60)
        assert running.returncode == 130
        assert b"waiting for terraform" in errors
        assert b"run this again to go on" in errors
        assert (tmp_path / "ended").read_text() == "orderly\n"
        (tmp_path / "ended").unlink()
        (tmp_path / "begun").unlink()


def test_a_database_that_was_not_made_is_named_before_what_follows_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terraform evaluates the postconditions of what it could not make, and they know no such thing."""
    said = "Error: creating RDS DB Instance (shop-test): InstanceQuotaExceeded\nError: Invalid index\n"
    path = program(tmp_path / "bin", "terraform", f"#!/bin/sh\nprintf '{said}'; exit 1\n")
    with pytest.raises(
        TerraformFailed, match="The reason is `creating RDS`; each `Invalid index` only follows from it"
    ):
        stack(tmp_path, path).apply(tmp_path / "plan")
    assert "InstanceQuotaExceeded" in capsys.readouterr().err


def test_outputs_are_not_shown_and_are_read_to_their_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    many = "i=0; while [ $i -lt 20000 ]; do echo an-output; i=$((i+1)); done"
    path = program(tmp_path / "bin", "terraform", f"#!/bin/sh\necho made; echo Outputs:; {many}\n")
    stack(tmp_path, path).apply(tmp_path / "plan")
    assert capsys.readouterr().err == "  made\n"


# --- The way to the database ------------------------------------------------------------------------------------------


def test_who_is_not_let_in_is_told_and_the_login_is_not_called_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(_outputs: Any) -> None:
        raise UserError("the sources see different addresses")

    monkeypatch.setattr(start, "_open_access", refused)
    settings = Settings(embedded=False, source="a test", host="127.0.0.1", port=1, dbname="shop")
    assert not start._is_open({"access": "leased_public"}, settings)
    assert "the login is not checked: the sources see different addresses" in capsys.readouterr().err
    assert not start._is_open({"access": "private"}, settings)
    assert "reachable from inside its network (access = private), not from here" in capsys.readouterr().err


def test_each_way_in_has_the_settings_that_its_program_reads() -> None:
    assert sign_in.access_settings(OUTPUTS) == {}
    assert sign_in.access_settings({"access": "ssm", "tunnel_instance_id": "i-1"}) == {"TUNNEL_INSTANCE_ID": "i-1"}
    leased = {
        "access": "leased_public",
        "lease_security_group_id": "sg-1",
        "lease_schedule_group": "g",
        "lease_schedule_role_arn": "arn",
    }
    assert sign_in.access_settings(leased) == {
        "LEASE_SECURITY_GROUP_ID": "sg-1",
        "LEASE_SCHEDULE_GROUP": "g",
        "LEASE_SCHEDULE_ROLE_ARN": "arn",
    }


@pytest.mark.parametrize(
    ("access", "says"),
    [
        ("leased_public", ["is up. Next:", "  python scripts/data_loader.py", "  pytest scripts/test_db.py"]),
        ("ssm", ["  cd schema && python ../scripts/tunnel.py -- alembic upgrade head", "  python scripts/tunnel.py -- pytest"]),
        ("private", ["is up. Next, on a machine inside its network, with this scripts/.env:", "  pytest scripts/test_db.py"]),
    ],
)  # fmt: skip
def test_the_next_commands_take_the_way_in_that_the_stack_has(
    access: str, says: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = {**OUTPUTS, "identifier": "shop-test", "access": access}
    start._say_next(outputs, env_file.read(tmp_path / ".env"), DEFAULT_VAR_FILE)
    said = capsys.readouterr().err
    assert [line for line in says if line not in said] == []
    assert ("tunnel.py" in said) == (access == "ssm")


# --- GitHub -----------------------------------------------------------------------------------------------------------

# Stands in for the GitHub command line, which cannot be asked from here: it writes down what it was called with.
GH = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/calls"
case "$1" in repo) echo example/shop ;; esac
"""


def test_github_gets_what_the_stack_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', 'gh', GH)}{os.pathsep}{os.environ['PATH']}")
    github_variables.publish(OUTPUTS, tmp_path)
    calls = (tmp_path / "bin/calls").read_text().splitlines()
    assert "variable set DB_HOST --body db.example.com" in calls
    assert "variable set AWS_DEPLOY_ROLE_ARN --body arn:aws:iam::123456789012:role/shop-test-deploy" in calls
    assert not any("LEASE_SECURITY_GROUP_ID" in call or "PASSWORD" in call for call in calls)
    assert "of example/shop" in capsys.readouterr().err


def test_github_is_not_pointed_at_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", f"{program(tmp_path / 'bin', 'gh', GH)}{os.pathsep}{os.environ['PATH']}")
    github_variables.publish({**OUTPUTS, "environment": "production"}, tmp_path)
    assert not (tmp_path / "bin/calls").exists()
    assert "production" in capsys.readouterr().err


def test_without_a_login_to_github_the_stack_is_up_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = program(tmp_path / "bin", "gh", "#!/bin/sh\necho 'not logged in' >&2\nexit 4\n")
    monkeypatch.setenv("PATH", f"{failing}{os.pathsep}{os.environ['PATH']}")
    github_variables.publish(OUTPUTS, tmp_path)
    assert "variables are not set: not logged in" in capsys.readouterr().err
