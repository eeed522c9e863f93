"""Rules of .github/workflows: a step is one call of a program that people run and tests cover, and nothing else."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import job_summary
import pytest
from ecommerce_dms import console

yaml = pytest.importorskip(
    "yaml", reason="needs PyYAML, which moto brings: pip install -r scripts/requirements-dev.txt"
)
import workflows  # noqa: E402

NAMES = sorted(path.name for path in workflows.FOLDER.glob("*.yml"))
ON_AWS = ["deploy.yml", "destroy.yml", "live.yml"]

# Calls of tools that the user types, too, whole; anything else is a program of scripts/ with options that it has.
WHOLE = {
    "alembic -c schema/alembic.ini upgrade head",
    "pip install --require-hashes -r scripts/requirements.lock",
    "pip install --require-hashes -r scripts/requirements-dev.lock",
    "pytest scripts/test_db.py",
    "pytest scripts/tests/test_tls.py",
}


def problem(command: str) -> str | None:
    """What is wrong with a `run:`; None for one call of a program that is there, with options that it has."""
    if command in WHOLE:
        return None
    if re.search(r"[\n;|&<>`]|\$\(", command):
        return "more than one call"
    words = shlex.split(command)
    if words[0] not in ("python", "python3", "bash") or not words[1].startswith("scripts/"):
        return "no program of scripts/"
    if not (workflows.ROOT / words[1]).is_file():
        return f"{words[1]} does not exist"
    if "--" in words:
        inner = " ".join(words[words.index("--") + 1 :])
        return problem(inner) or problem(" ".join(words[: words.index("--")]))
    help_ = help_of(words[1])
    unknown = [word for word in words[2:] if word.startswith("--") and not re.search(rf"{word}\b", help_)]
    return f"{words[1]} has no {unknown[0]}" if unknown else None


@cache
def help_of(program: str) -> str:
    """What it says about itself and its sub-commands."""
    interpreter = ["bash"] if program.endswith(".sh") else [sys.executable]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}

    def said(*words: str) -> str:
        command = [*interpreter, program, *words, "--help"]
        return subprocess.run(command, cwd=workflows.ROOT, env=environment, capture_output=True, text=True).stdout

    own = said()
    commands = re.findall(r"^    (\w+) ", own, re.MULTILINE)
    # A sub-command such as `test` hands its options on.
    return own + "".join(said(command) for command in commands if f"{program}:{command}" != "scripts/local.py:test")


@pytest.mark.parametrize(
    ("name", "command"), [(name, command) for name in NAMES for command in workflows.runs(workflows.load(name))]
)
def test_a_step_is_one_call_of_a_program_that_people_run(name: str, command: str) -> None:
    assert problem(command) is None


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python scripts/local.py test && echo done", "more than one call"),
        ("curl https://example.com/install.sh", "no program of scripts/"),
        ("python scripts/forgotten.py", "does not exist"),
        ("python scripts/runner_access.py open --forever", "has no --forever"),
        ("python scripts/tunnel.py -- psql", "no program of scripts/"),
    ],
)
def test_any_other_step_is_found(command: str, said: str) -> None:
    assert said in str(problem(command))


@pytest.mark.parametrize("name", NAMES)
def test_no_job_has_more_rights_than_it_says_why(name: str) -> None:
    workflow = workflows.load(name)
    text = (workflows.FOLDER / name).read_text()
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert set(job["permissions"]) <= {"contents", "id-token"}
        assert job["timeout-minutes"] <= 90
    for line in re.findall(r"^ +(?:contents|id-token): .*$", text, re.MULTILINE):
        assert re.search(r"(contents: read|id-token: write) # \w", line)


@pytest.mark.parametrize("name", ON_AWS)
def test_a_job_that_holds_something_on_aws_is_never_cut_off(name: str) -> None:
    assert workflows.load(name)["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("name", ON_AWS)
def test_a_role_is_taken_only_within_an_environment_or_to_read(name: str) -> None:
    for job in workflows.load(name)["jobs"].values():
        roles = [step["with"]["role-to-assume"] for step in job["steps"] if "role-to-assume" in step.get("with", {})]
        if roles and "environment" not in job:
            assert roles == ["${{ vars.AWS_PLAN_ROLE_ARN }}"]
            assert "head.repo.full_name == github.repository" in job["if"]


@pytest.mark.parametrize("name", ON_AWS)
def test_what_is_opened_is_closed_whatever_happens(name: str) -> None:
    for job in workflows.load(name)["jobs"].values():
        words = [step.get("run", "") for step in job["steps"]]
        if any("runner_access.py open" in word for word in words):
            [closing] = [step for step in job["steps"] if "runner_access.py close" in step.get("run", "")]
            assert closing["if"].startswith("always()")


def test_every_action_is_pinned_to_one_commit_everywhere() -> None:
    used: dict[str, set[str]] = {}
    for name in NAMES:
        for action, pin in re.findall(r"uses: (\S+?)@(.+)", (workflows.FOLDER / name).read_text()):
            assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", pin), f"{name}: {action}@{pin}"
            used.setdefault(action, set()).add(pin)
    assert {action: pins for action, pins in used.items() if len(pins) > 1} == {}


# --- The summary of a job ---------------------------------------------------------------------------------------------


def test_the_summary_names_each_step_and_warns_of_open_access() -> None:
    steps = {"open": {"outcome": "success"}, "test": {"outcome": "failure"}, "close": {"outcome": "failure"}}
    text = job_summary.table(steps)
    assert "| test | **failed** |" in text
    assert "Access may still be open" in text
    assert "Access may still be open" not in job_summary.table({**steps, "close": {"outcome": "success"}})


def test_without_a_stack_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert job_summary.main(["--no-stack"]) == 0
    assert summary.read_text().startswith("Nothing was done: this repository knows of no stack.")


@pytest.mark.parametrize("text", ["", "[]", '{"open": "success"}', "{"])
def test_what_is_no_list_of_steps_is_named(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("STEPS", text)
    with pytest.raises(console.UsageError, match="STEPS is"):
        job_summary.main([])


def test_the_steps_reach_the_summary_as_github_writes_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("STEPS", json.dumps({"migrate": {"outcome": "success", "conclusion": "success", "outputs": {}}}))
    assert job_summary.main([]) == 0
    assert "| migrate | done |" in capsys.readouterr().out
