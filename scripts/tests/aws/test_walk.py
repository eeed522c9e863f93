"""The user's whole path on AWS, typed as the README says it: start, schema, data, tests, destroy, and again.

The scripts are the real ones in a clean clone, Terraform and the provider too; AWS is emulated, and the instance's endpoint
is a real PostgreSQL whose master is no superuser (emulator_postgres.py). With --full, all of test_db.py runs, a password
change fails half-way and is mended, the destroyer is interrupted behind each phase and not behind one, and the second
start goes all the way. Tests run in the order of this file, each on what those before it have left; while the stack is
made and destroyed, conftest.py lets those of other files run.
"""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from .clone import ProcessWatcher
from .walk import ACCOUNT, ADDRESS, DESTROY, DONE_ALREADY, MINE, PASSWORD, START, Walk


@pytest.fixture
def only_when_full(full: bool) -> None:
    if not full:
        pytest.skip("takes minutes: with --full")


def test_the_watcher_sees_an_argument(watcher: ProcessWatcher) -> None:
    asleep = subprocess.Popen([sys.executable, "-c", "input()", "seen-by-the-watcher"], stdin=subprocess.PIPE)
    try:
        while not watcher.saw("seen-by-the-watcher"):
            assert asleep.poll() is None
    finally:
        asleep.communicate(b"\n")


def test_a_plan_is_shown_with_its_cost_and_nothing_is_made(walk: Walk) -> None:
    done = walk.type(*START, "--plan-only")
    assert done.code == 0, done.output
    assert f"AWS account {ACCOUNT}, region eu-west-1" in done.output
    assert "add   1 aws_db_instance" in done.output
    assert "USD" in done.output
    assert "3 hours" in done.output
    assert walk.instances() == []
    assert walk.clone.env_file.read_text() == MINE


def test_without_somebody_to_ask_nothing_is_made(walk: Walk, only_when_full: None) -> None:
    done = walk.type(*START)
    assert done.code == 2
    assert "--yes applies it" in done.output
    refused = walk.answer("y", *START)
    assert refused.code == 1
    assert "nothing was changed" in refused.output
    assert walk.instances() == []


def test_nobody_plans_what_is_being_made(walk: Walk) -> None:
    """The start goes on in the background from here."""
    walk.wait_for(walk.starting(), lambda: walk.instance() is not None)
    refused = walk.type(*START, "--plan-only")
    assert refused.code == 1
    assert "Somebody else is at work on this stack" in refused.output


def test_the_start_script_makes_the_stack_and_writes_the_settings(started: Walk) -> None:
    assert started.instances() == ["walk-test"]
    text = started.clone.env_file.read_text()
    assert text.startswith(MINE.rstrip())
    settings = started.settings()
    rules = started.client("ec2").describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [settings.pop("LEASE_SECURITY_GROUP_ID")]}]
    )
    assert [each["CidrIpv4"] for each in rules["SecurityGroupRules"]] == [f"{ADDRESS}/32"]
    assert settings.pop("LEASE_SCHEDULE_GROUP") == "walk-test-lease"
    assert settings.pop("LEASE_SCHEDULE_ROLE_ARN").endswith(":role/walk-test-lease-timer")
    assert settings == {
        "DB_PASSWORD": PASSWORD, "OTHER_TOOL_SETTING": "kept", "DB_HOST": "127.0.0.1", "DB_PORT": str(started.port),
        "DB_NAME": "walk_shop", "DB_USER": "walk_master", "DB_ENVIRONMENT": "test", "AWS_REGION": "eu-west-1",
    }  # fmt: skip
    assert stat.S_IMODE(started.clone.env_file.stat().st_mode) == 0o600
    assert "takes the stored password" in started.starting().result().output


def test_a_second_start_changes_nothing(started: Walk, only_when_full: None) -> None:
    before = started.clone.env_file.read_text()
    done = started.type(*START)  # Nobody is asked about an empty plan.
    assert done.code == 0, done.output
    assert "Plan: nothing to change." in done.output
    assert started.clone.env_file.read_text() == before


def test_without_settings_the_programs_name_the_way_back_instead_of_the_embedded_server(started: Walk) -> None:
    written = started.clone.env_file.read_text()
    started.clone.env_file.unlink()
    refused = started.type("python", "scripts/bootstrap.py", "--check")
    assert refused.code == 2
    assert "terraform/ has made walk-test" in refused.output
    assert "update_env_ci_and_start_tf.sh --env-only" in refused.output

    again = started.type(*START, "--env-only")  # Without DB_PASSWORD, the secret is the way in.
    assert again.code == 0, again.output
    assert started.settings()["DB_SECRET_ARN"].startswith("arn:aws:secretsmanager:eu-west-1:")
    assert "DB_PASSWORD" not in started.settings()
    assert started.type("python", "scripts/bootstrap.py", "--print-sql").code == 0
    started.clone.env_file.write_text(written)


def test_schema_data_and_tests_go_as_the_readme_says(started: Walk, full: bool) -> None:
    upgraded = started.type("alembic", "upgrade", "head", folder="schema")
    assert upgraded.code == 0, upgraded.output[-3000:]
    loaded = started.type("python", "scripts/data_loader.py")
    assert loaded.code == 0, loaded.output[-3000:]
    some = () if full else ("-k", "test_data or test_revision or cannot_write")
    tested = started.type("pytest", "-p", "no:cacheprovider", "scripts/test_db.py", "-q", *some, timeout=3600)
    assert tested.code == 0, tested.output[-3000:]
    assert "PostgreSQL at 127.0.0.1" in tested.output
    assert "skipped" not in tested.output.splitlines()[-1]


def test_a_plan_that_would_delete_the_database_is_refused(started: Walk) -> None:
    renamed = started.clone.terraform / "renamed.tfvars"
    renamed.write_text(started.var_file.read_text().replace("walk_shop", "another"))
    done = started.type(*START[:3], "renamed.tfvars", "--yes")
    assert done.code == 3
    assert "aws_db_instance.primary[0] (the database)" in done.output
    assert "--allow-data-loss" in done.output
    assert started.instances() == ["walk-test"]


def test_a_changed_password_is_not_forgotten_silently(started: Walk, only_when_full: None) -> None:
    text = started.clone.env_file.read_text()
    started.clone.env_file.write_text(text.replace(PASSWORD, "another-password-of-mine"))
    done = started.type(*START, "--yes")
    assert done.code == 1
    assert "is not the password that walk-test has" in done.output
    assert "master_password_version = 2" in done.output
    started.clone.env_file.write_text(text)


def test_a_stored_password_that_the_database_refuses_is_noticed(started: Walk) -> None:
    """What is left when a change of it failed half-way: the plan is empty, and only a login tells."""
    written = started.clone.env_file.read_text()
    started.clone.env_file.unlink()
    secrets = started.client("secretsmanager")
    (secret,) = [each["ARN"] for each in secrets.list_secrets()["SecretList"]]
    right = secrets.get_secret_value(SecretId=secret)["SecretString"]
    secrets.put_secret_value(SecretId=secret, SecretString=right.replace(PASSWORD, "never-sent-to-the-database"))
    done = started.type(*START, "--env-only")
    assert done.code == 1
    assert "refuses the stored master password" in done.output
    assert "master_password_version = 2 in walk.tfvars" in done.output
    assert not started.clone.env_file.exists()
    secrets.put_secret_value(SecretId=secret, SecretString=right)
    started.clone.env_file.write_text(written)


def test_a_password_change_that_failed_half_way_is_noticed_and_mended(started: Walk, only_when_full: None) -> None:
    written = started.clone.env_file.read_text()
    other = "another-password-of-mine"
    started.clone.env_file.write_text(written.replace(PASSWORD, other))
    started.fail_next_modify.touch()
    started.var_file.write_text(started.var_file.read_text() + "\nmaster_password_version = 2\n")
    failed = started.type(*START, "--yes")
    assert failed.code == 1
    assert "MasterUserPassword is not valid today" in failed.output

    noticed = started.type(*START, "--yes")
    assert noticed.code == 1
    assert "Plan: nothing to change." in noticed.output
    assert "refuses the stored master password" in noticed.output
    assert "master_password_version = 3 in walk.tfvars" in noticed.output

    started.var_file.write_text(started.var_file.read_text().replace("version = 2", "version = 3"))
    mended = started.type(*START, "--yes")
    assert mended.code == 0, mended.output[-3000:]
    assert started.settings()["DB_PASSWORD"] == other
    assert started.type("python", "scripts/bootstrap.py", "--check").code == 0


def test_what_is_not_meant_is_not_destroyed(started: Walk) -> None:
    shown = started.type(*DESTROY)
    assert shown.code == 3
    assert "the final snapshot that RDS takes" in shown.output
    assert "the key that these are encrypted with" in shown.output
    assert "aws_kms_key" not in shown.output
    assert f"--confirm walk-test/{ACCOUNT}" in shown.output
    assert started.answer("yes", *DESTROY).code == 4
    for wrong in (f"walk-production/{ACCOUNT}", "walk-test/210987654321"):
        refused = started.type(*DESTROY, "--confirm", wrong)
        assert refused.code == 4
        assert f"{wrong!r} was confirmed, and this is walk-test/{ACCOUNT}" in refused.output

    other = started.clone.terraform / "other.tfvars"
    other.write_text(started.var_file.read_text().replace('"test"', '"staging"'))
    elsewhere = started.type(*DESTROY[:3], "other.tfvars", "--confirm", f"walk-staging/{ACCOUNT}")
    assert elsewhere.code == 4
    assert "is of walk-test, and other.tfvars asks for walk-staging" in elsewhere.output

    foreign = started.client("sts").assume_role(
        RoleArn="arn:aws:iam::210987654321:role/somebody", RoleSessionName="somebody"
    )["Credentials"]
    abroad = started.type(
        *DESTROY, "--confirm", "walk-test/210987654321",
        AWS_ACCESS_KEY_ID=foreign["AccessKeyId"], AWS_SECRET_ACCESS_KEY=foreign["SecretAccessKey"],
        AWS_SESSION_TOKEN=foreign["SessionToken"],
    )  # fmt: skip
    assert abroad.code == 4
    assert f"is of account {ACCOUNT}, and these credentials are of 210987654321" in abroad.output
    assert started.instances() == ["walk-test"]


def test_without_a_snapshot_the_key_goes_too(started: Walk, only_when_full: None) -> None:
    lost = started.type(*DESTROY, "--without-snapshot", "--dry-run")
    assert "NO snapshot: all data are lost" in lost.output
    assert "the key that these" not in lost.output
    assert "destroy   1 aws_kms_key" in lost.output


def test_a_destroy_whose_first_apply_would_change_more_is_refused(started: Walk, only_when_full: None) -> None:
    changed = started.clone.terraform / "changed.tfvars"
    changed.write_text(started.var_file.read_text() + 'parameters = { log_temp_files = "1024" }\n')
    done = started.type(*DESTROY[:3], "changed.tfvars", "--confirm", f"walk-test/{ACCOUNT}")
    assert done.code == 5
    assert "would also change aws_db_parameter_group.instance (parameter)" in done.output
    assert started.instance()["DeletionProtection"]


def test_nobody_changes_what_is_being_destroyed(started: Walk, phases: tuple[str, ...]) -> None:
    """The destroy goes on in the background from here."""
    destroying = started.destroying(phases)
    started.wait_for(destroying, lambda: not started.instance()["DeletionProtection"])
    refused = started.type(*START, "--yes")
    assert refused.code == 1
    assert "Somebody else is at work on this stack" in refused.output


def test_a_destroy_goes_on_after_an_interruption_behind_each_phase(destroyed: Walk, phases: tuple[str, ...]) -> None:
    *stopped, ended = destroyed.destroying(phases).result()
    assert [each.code for each in stopped] == [130] * len(phases)
    for number, run in enumerate(stopped):
        for earlier in phases[:number]:
            assert DONE_ALREADY[earlier] in run.output
    assert DONE_ALREADY[phases[-1]] in ended.output
    assert destroyed.instances() == []


def test_nothing_is_left_but_what_was_kept_on_purpose(destroyed: Walk) -> None:
    looked = destroyed.type(*DESTROY)
    assert looked.code == 0, looked.output
    assert "There is nothing to destroy." in looked.output
    assert "left over" not in looked.output
    assert "could not look" not in looked.output

    rds, kms = destroyed.client("rds"), destroyed.client("kms")
    snapshots = {each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]}
    kinds = {name.rstrip("0123456789") for name in snapshots}
    assert (kinds, len(snapshots)) == ({"walk-test-before-destroy-", "walk-test-final-"}, 2)
    keys = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    assert [each["KeyState"] for each in keys if each["KeyManager"] == "CUSTOMER"] == ["Enabled"]
    for kept in (*snapshots, *(each["Arn"] for each in keys if each["KeyManager"] == "CUSTOMER")):
        assert f"{kept}, " in looked.output
    assert set(destroyed.settings()) == {"DB_PASSWORD", "OTHER_TOOL_SETTING"}


def test_it_can_be_started_again(destroyed: Walk, only_when_full: None) -> None:
    done = destroyed.type(*START, "--yes")
    assert done.code == 0, done.output[-6000:]
    assert "takes the stored password" in done.output
    assert destroyed.type("alembic", "upgrade", "head", folder="schema").code == 0
    gone = destroyed.type(*DESTROY, "--without-snapshot", "--confirm", f"walk-test/{ACCOUNT}")
    assert gone.code == 0, gone.output[-6000:]
    assert "pending deletion until" in gone.output


def test_no_password_was_seen_anywhere_during_all_of_it(destroyed: Walk, watcher: ProcessWatcher) -> None:
    for password in (PASSWORD, "another-password-of-mine"):
        assert not watcher.saw(password)
        assert password not in "".join(destroyed.printed)
        holders = {
            str(path.relative_to(destroyed.clone.folder))
            for path in destroyed.clone.folder.rglob("*")
            if path.is_file() and not path.is_symlink() and password.encode() in path.read_bytes()
        }
        assert holders - {"scripts/.env", "scripts/tests/aws/walk.py", "scripts/tests/aws/test_walk.py"} == set()
    assert any("terraform" in str(arguments) for arguments in watcher.seen)
    assert not Path(destroyed.clone.environment["HISTFILE"]).exists()
