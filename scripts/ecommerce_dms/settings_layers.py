"""The places that settings come from, each read into a `Layer`: command line, environment, scripts/.env."""

from __future__ import annotations

import argparse
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv.parser import parse_stream

from ecommerce_dms.console import UsageError

KEYS = (
    "DATABASE_URL",
    "DB_HOST",
    "DB_HOSTADDR",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "DB_SECRET_ARN",
    "DB_AUTH",
    "DB_SSLMODE",
    "DB_SSLROOTCERT",
    "DB_SERVER",
    "DB_ENVIRONMENT",
    "AWS_REGION",
)

# These name no server and are no secret, so they may stand alone.
INDEPENDENT = ("DB_ENVIRONMENT", "AWS_REGION")

_OPTIONS = {
    "DATABASE_URL": "--url",
    "DB_HOST": "--host",
    "DB_PORT": "--port",
    "DB_NAME": "--dbname",
    "DB_USER": "--user",
    "DB_SERVER": "--embedded",
}

_SCRIPTS = Path(__file__).resolve().parents[1]
DEFAULT_ENV_FILE = _SCRIPTS / ".env"


class SettingsError(UsageError):
    """Settings that cannot be used: names the setting, its value unless that may be secret, the way out."""


@dataclass(frozen=True)
class Layer:
    """The settings of one place. Empty values count as not given, as in compose files and copied examples."""

    origin: str
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    directory: Path = field(default_factory=Path)
    is_command_line: bool = False
    came_from_url: bool = False
    origins: Mapping[str, Layer] = field(default_factory=dict, repr=False)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def __getitem__(self, key: str) -> str:
        return self.values[key]

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.values.get(key, default)

    def label(self, key: str) -> str:
        """What the user wrote: `--port` or `DB_PORT`."""
        layer = self.origins.get(key, self)
        if layer.is_command_line:
            return _OPTIONS.get(key, key)
        return key

    def name(self, key: str) -> str:
        """The setting and where it stands: `DB_PORT (scripts/.env)`."""
        return self.names([key])

    def names(self, keys: list[str]) -> str:
        layer = self.origins.get(keys[0], self)
        text = ", ".join(layer.label(key) for key in keys)
        return text if layer.is_command_line else f"{text} ({layer.origin})"

    def base_directory(self, key: str) -> Path:
        """What a relative path in this setting starts from: the file's folder, or else the current one."""
        return self.origins.get(key, self).directory

    def replace(self, values: Mapping[str, str]) -> Layer:
        """The same place with its URL taken apart."""
        return Layer(self.origin, values, self.directory, self.is_command_line, came_from_url=True)

    def merged(self, values: Mapping[str, str], origins: Mapping[str, Layer]) -> Layer:
        """Settings of several places, which remembers for each where it came from."""
        return Layer(self.origin, values, self.directory, self.is_command_line, self.came_from_url, origins)


def from_arguments(arguments: argparse.Namespace | None) -> Layer:
    """The options of `settings.add_connection_arguments`."""
    values = {}
    for key, option in _OPTIONS.items():
        value = getattr(arguments, option.removeprefix("--"), None)
        if value is True:
            values[key] = "embedded"
        elif value:
            values[key] = str(value)
    return Layer("the command line", values, is_command_line=True)


def from_environment(environ: Mapping[str, str]) -> Layer:
    """The known keys of the environment.

    Raises:
        SettingsError: an unknown DB_ key beside known ones, most likely a slip. Alone it may be for others.
    """
    values = {key: environ[key] for key in KEYS if environ.get(key)}
    if any(key not in INDEPENDENT for key in values):
        _refuse_unknown(environ, "the environment")
    return Layer("the environment", values)


def from_env_file(path: str | os.PathLike[str] | None) -> Layer:
    """The known keys of an .env file. Values are taken literally: `$` in a password is a `$`.

    Raises:
        SettingsError: the file is missing (when it was asked for), unreadable or malformed.
    """
    file = Path(path or DEFAULT_ENV_FILE)
    origin = "scripts/.env" if file == DEFAULT_ENV_FILE else str(path)
    try:
        with file.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError:
        if path is None:
            return Layer(origin)
        raise SettingsError(f"{origin} does not exist; copy scripts/.env.example to make one.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{origin} is not UTF-8 text.") from None
    except OSError as error:
        raise SettingsError(f"{origin} cannot be read: {error.strerror}.") from None

    values: dict[str, str] = {}
    for binding in bindings:
        if binding.error or (binding.key and binding.value is None):
            # The line itself is not shown: it may be the one with the password.
            raise SettingsError(
                f"{origin}, line {binding.original.line}, is not KEY=value "
                "(a value with quotes or blanks stands in 'single quotes')."
            )
        if binding.key in values and values[binding.key] != binding.value:
            raise SettingsError(
                f"{origin} sets {binding.key} twice, differently (again in line {binding.original.line})."
            )
        if binding.key:
            values[binding.key] = binding.value or ""
    _refuse_unknown(values, origin)
    return Layer(origin, {key: values[key] for key in KEYS if values.get(key)}, file.parent)


def _refuse_unknown(values: Mapping[str, str], origin: str) -> None:
    for key in values:
        if key.startswith("DB_") and key not in KEYS:
            similar = difflib.get_close_matches(key, [known for known in KEYS if known.startswith("DB_")], n=1)
            hint = f"did you mean {similar[0]}?" if similar else f"known are {', '.join(KEYS)}."
            raise SettingsError(f"{key} ({origin}) is no setting: {hint}")
