"""A clean clone of the repository for the tests of whole programs, and what a user types in it."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
import sys
import threading
from pathlib import Path

from .terraform_cli import Finished, clean_environment

ROOT = Path(__file__).parents[3]


class Clone:
    """The files that git would hand out, in a folder of their own, with an emulated AWS and no settings."""

    def __init__(self, folder: Path, endpoint: str, initialised: Path) -> None:
        self.folder = folder
        self._running: set[subprocess.Popen[str]] = set()
        self._stopped = False
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
            if name and (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (self.terraform / ".terraform").mkdir()
        (self.terraform / ".terraform/providers").symlink_to(initialised / ".terraform/providers")
        unwanted = ("DB_", "DATABASE_URL", "PG", "GITHUB_", "GH_")
        kept = {key: value for key, value in clean_environment().items() if not key.startswith(unwanted)}
        self.environment = {
            **kept,
            # A virtual environment that is active: its Python has the requirements.
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_ARGS_apply": "-parallelism=30",
            "HISTFILE": str(folder / "history"),
            "COLUMNS": "200",
        }

    @property
    def terraform(self) -> Path:
        return self.folder / "terraform"

    @property
    def env_file(self) -> Path:
        return self.folder / "scripts/.env"

    def type(self, *command: str, folder: str = ".", timeout: float = 1500, **environment: str) -> Finished:
        """Runs a command as typed, without a terminal."""
        return self._run(command, subprocess.DEVNULL, folder, timeout, environment)

    def answer(self, line: str, *command: str, timeout: float = 1500) -> Finished:
        """Runs a command on a terminal, where somebody answers its question with this line."""
        ours, theirs = pty.openpty()
        os.write(ours, f"{line}\n".encode())
        try:
            return self._run(command, theirs, ".", timeout, {})
        finally:
            os.close(ours)
            os.close(theirs)

    def _run(
        self, command: tuple[str, ...], stdin: int, folder: str, timeout: float, environment: dict[str, str]
    ) -> Finished:
        assert not self._stopped, f"{command} would begin after the end of the tests"
        with subprocess.Popen(
            command, cwd=self.folder / folder, env=self.environment | environment, stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            self._running.add(process)
            try:
                output, _ = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
            finally:
                self._running.discard(process)
        return Finished(process.returncode, output)

    def stop(self) -> None:
        """Ends in an orderly way what is still running, whichever thread began it, and begins nothing more."""
        self._stopped = True
        for process in list(self._running):
            process.terminate()


class ProcessWatcher:
    """Keeps the arguments of every process that it sees, until it is stopped: what `ps` would have shown."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> ProcessWatcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    self.seen.add((process / "cmdline").read_bytes())
                except OSError:
                    continue  # It has ended.

    def saw(self, text: str) -> bool:
        return any(text.encode() in arguments for arguments in self.seen)
