"""Keeps the settings of a stack in scripts/.env: between two marks, which are ours, while all else is the user's.

A program that reads the file at any moment finds the old content or the new one, and only this user can read it.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from ecommerce_dms import settings_layers
from ecommerce_dms.console import UsageError

_BEGIN = "# --- stack {}: written by update_env_ci_and_start_tf.sh, which replaces all up to the end mark"
_END = "# --- end of the stack"
_BLOCK = re.compile(
    rf"\n*^{re.escape(_BEGIN.format('STACK')).replace('STACK', '(?P<stack>[^ ]+)')}\n.*?^{re.escape(_END)}\n?",
    re.M | re.S,
)
_ASIDE = "# set aside, the stack in terraform/ says otherwise: "

# Said by whoever names another server. One of these outside of the block is not ours to overrule.
_SERVERS = ("DATABASE_URL", "DB_SERVER", "DB_HOST")
# These contradict what is written; the user's line is kept as a comment.
_OURS = ("DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_SECRET_ARN", "DB_AUTH", "DB_ENVIRONMENT", "AWS_REGION")


@dataclass(frozen=True)
class EnvFile:
    """An .env file as it is. `password` is the user's own DB_PASSWORD, for the master login of the stack."""

    path: Path
    text: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)  # The user's, outside of the block.

    @property
    def stack(self) -> str:
        """The stack whose settings stand between the marks; empty without marks."""
        found = _BLOCK.search(self.text)
        return found["stack"] if found else ""

    @property
    def password(self) -> str:
        return self.values.get("DB_PASSWORD", "")

    def refuse_another_server(self, host: str = "") -> None:
        """Stops before a file for another server becomes one for this stack.

        Args:
            host: the stack's server, if it has one already; naming that is no contradiction.

        Raises:
            UsageError: which setting names which server.
        """
        for key in _SERVERS:
            value = self.values.get(key)
            if value and not (key == "DB_HOST" and value == host):
                shown = "a URL" if key == "DATABASE_URL" else repr(value)  # A URL may hold a password.
                raise UsageError(
                    f"{key} in {self.path} is {shown}: that file is for another server, and its password is not this "
                    "stack's. Take the line out, or let --env-file name another file to write."
                )


def read(path: Path) -> EnvFile:
    """The file, or an empty one.

    Raises:
        SettingsError: it cannot be read, or a line is no setting.
    """
    if not path.exists():
        return EnvFile(path, "", {})
    settings_layers.from_env_file(path)  # Says what is wrong with it, line by line.
    text = path.read_text(encoding="utf-8")
    outside = {each.key: each.value for each in _bindings(_BLOCK.sub("\n", text)) if each.key and each.value}
    return EnvFile(path, text, outside)


def write(file: EnvFile, stack: str, values: Mapping[str, str]) -> list[str]:
    """Puts the stack's settings between the marks. Returns the user's keys that contradict it: now they are comments."""
    return _write(file, stack, values)


def clear(file: EnvFile) -> None:
    """Takes out the marks and what is between them."""
    _write(file, "", {})


def _write(file: EnvFile, stack: str, values: Mapping[str, str]) -> list[str]:
    rest, aside = _set_aside(_BLOCK.sub("\n", file.text).rstrip("\n"), values)
    parts = [rest] if rest else []
    if values:
        said = {key for key, value in file.values.items() if values.get(key) == value}
        lines = [f"{key}={_quoted(value)}" for key, value in values.items() if key not in said]
        parts.append("\n".join([_BEGIN.format(stack), *lines, _END]))
    _replace(file.path, "\n\n".join(parts) + "\n" if parts else "")
    return aside


def _set_aside(text: str, values: Mapping[str, str]) -> tuple[str, list[str]]:
    """The user's text, with lines that contradict `values` made comments."""
    kept, aside = [], []
    for each in _bindings(text):
        line = each.original.string
        if values and each.key in _OURS and each.value and values.get(each.key) != each.value:
            aside.append(each.key)
            line = re.sub(r"^(\s*)(?=\S)", lambda space: space[1] + _ASIDE, line, count=1)
        kept.append(line)
    return "".join(kept).rstrip("\n"), aside


def _bindings(text: str) -> list[Binding]:
    return list(parse_stream(io.StringIO(text)))


def _quoted(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_.:/@+=,-]+", value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _replace(path: Path, text: str) -> None:
    """All or nothing, mode 600 from the first byte on. A link stays one."""
    target = path.resolve()
    if not text and not target.exists():
        return
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # Mode 600.
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
