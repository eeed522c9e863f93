"""Which server a program talks to: command line, environment and scripts/.env become one `Settings`.

Nothing connects here (connection.py does) and no secret is fetched (credentials.py does). The rules:

- A layer that names a server (DATABASE_URL, DB_HOST, DB_SERVER) takes over completely. Nothing below it
  counts, so a password can never reach a server that it was not written for.
- Layers above it may override single settings (`--dbname`, DB_PASSWORD), but not the server's address.
- Half-given and contradictory settings are errors that name what contradicts what, and where each stands.
- With nothing set at all, the embedded server is used, unless terraform/ has made another one.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from ecommerce_dms import database_url, settings_checks, settings_layers, terraform_state
from ecommerce_dms.settings_layers import Layer, SettingsError

__all__ = [
    "Settings",
    "SettingsError",
    "add_connection_arguments",
    "embedded_environment",
    "load_settings",
]

_NAMES_A_SERVER = ("DATABASE_URL", "DB_HOST", "DB_SERVER")
_CREDENTIALS = ("DB_PASSWORD", "DB_SECRET_ARN", "DB_AUTH")
# What is part of the address stays in the layer that names the host: another port is another server.
_ADDRESS = ("DB_HOSTADDR", "DB_PORT")
_SAID_BY_THE_URL = ("DB_HOST", "DB_SERVER", "DB_HOSTADDR", "DB_PORT", "DB_NAME", "DB_USER")
_ALLOWED_WITH_EMBEDDED = ("DB_SERVER", "DB_NAME", *settings_layers.INDEPENDENT)


@dataclass(frozen=True)
class Settings:
    """Where to connect, and as whom. `repr` shows no secret.

    For the embedded server host, port, user and credential are empty: the running server knows them.
    """

    embedded: bool
    source: str
    host: str = ""
    hostaddr: str = ""
    port: int = settings_checks.DEFAULT_PORT
    dbname: str = ""
    user: str = ""  # Empty with a `secret_arn`: the user that the secret names.
    auth: str = ""  # password, secret, iam, or libpq: what libpq finds (password file, peer, certificate).
    sslmode: str = ""
    sslrootcert: str = ""
    secret_arn: str = ""
    region: str = ""
    environment: str = ""  # What a new database is for; empty: nobody said.
    unused: tuple[str, ...] = ()  # Credentials left aside because a higher layer names the server.
    password: str = field(default="", repr=False)
    parameters: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # Further libpq ones of a URL.

    def describe(self) -> str:
        """One line that says which server this is and which setting decided so; never a secret."""
        if self.embedded:
            database = f", database {self.dbname}" if self.dbname else ""
            return f"the embedded PostgreSQL 18{database} ({self.source})"
        user = self.user or "the user in the secret"
        return f"PostgreSQL at {self.address()} as {user}, sslmode {self.sslmode} (from {self.source})"

    def address(self) -> str:
        """`host:port/database`, for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.dbname}"


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every program shares. None is for a password: process arguments are public."""
    group = parser.add_argument_group(
        "connection",
        "Without any of these: the environment, then scripts/.env (scripts/.env.example explains it), then "
        "the embedded server. A server named here takes its password from libpq's password file.",
    )
    group.add_argument("--url", metavar="URL", help="postgresql://user@host:port/database, without password")
    group.add_argument("--host", metavar="NAME", help="server name, or directory of its socket")
    group.add_argument("--port", metavar="N", help="server port, with --host (default: 5432)")
    group.add_argument("--dbname", metavar="NAME", help="database")
    group.add_argument("--user", metavar="NAME", help="user")
    group.add_argument("--embedded", action="store_true", help="the embedded server, whatever else is set")
    group.add_argument("--env-file", metavar="FILE", help="read this file instead of scripts/.env")


def load_settings(
    arguments: argparse.Namespace | None = None,
    environ: Mapping[str, str] = os.environ,
    env_file: str | os.PathLike[str] | None = None,
) -> Settings:
    """Merges the layers into one `Settings`.

    Args:
        arguments: what a parser with `add_connection_arguments` returned.
        environ: the environment.
        env_file: read instead of scripts/.env; `--env-file` comes before it.

    Raises:
        SettingsError: something is half-given, contradictory, unreadable or out of range.
    """
    layers = [
        settings_layers.from_arguments(arguments),
        settings_layers.from_environment(environ),
        settings_layers.from_env_file(getattr(arguments, "env_file", None) or env_file),
    ]
    naming = next((i for i, layer in enumerate(layers) if any(key in layer for key in _NAMES_A_SERVER)), None)
    if naming is None:
        return _without_a_server(layers)

    server, overrides, ignored = layers[naming], layers[:naming], layers[naming + 1 :]
    _refuse_two_servers(server)
    _refuse_moved_address(overrides, server)
    if "DB_SERVER" in server:
        return _embedded(server, overrides)
    return _remote(server, overrides, ignored)


def embedded_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """A copy of the environment in which the embedded server is used, whatever scripts/.env says."""
    kept = {
        key: value
        for key, value in environ.items()
        if key not in settings_layers.KEYS or not key.startswith(("DB_", "DATABASE_"))
    }
    return {**kept, "DB_SERVER": "embedded"}


def _without_a_server(layers: list[Layer]) -> Settings:
    for layer in layers:
        given = [key for key in layer.values if key not in settings_layers.INDEPENDENT]
        if given:
            missing = ", ".join(key for key in ("DB_HOST", "DB_NAME", "DB_USER") if key not in given)
            raise SettingsError(
                f"{layer.names(given)} is set but no server is: {missing} missing. After terraform apply "
                "they belong beside it (scripts/.env.example explains each). "
                "For the local server say --embedded or DB_SERVER=embedded."
            )
    _refuse_to_forget_the_stack()
    return Settings(
        embedded=True,
        source="nothing else is configured",
        environment=_environment(layers) or "local",
    )


def _refuse_to_forget_the_stack() -> None:
    """Whoever has made a database on AWS does not mean the embedded one by saying nothing."""
    stack = terraform_state.stack_in(terraform_state.FOLDER)
    if stack:
        raise SettingsError(
            f"terraform/ has made {stack}, and no server is configured. `bash scripts/update_env_ci_and_start_tf.sh "
            "--env-only` writes its settings into scripts/.env. For the local server say --embedded or "
            "DB_SERVER=embedded."
        )


def _refuse_two_servers(layer: Layer) -> None:
    """DATABASE_URL, DB_HOST and DB_SERVER exclude each other within a layer, and so does what they imply."""
    if "DATABASE_URL" in layer:
        named, reason = "DATABASE_URL", "the URL says all of that"
        clashing = [key for key in _SAID_BY_THE_URL if key in layer]
    elif "DB_SERVER" in layer:
        if layer["DB_SERVER"] != "embedded":
            raise SettingsError(f"{layer.name('DB_SERVER')} is {layer['DB_SERVER']!r}; it can only be embedded.")
        named, reason = "DB_SERVER", "the embedded server knows its own"
        clashing = [key for key in layer.values if key not in _ALLOWED_WITH_EMBEDDED]
    else:
        return
    if clashing:
        raise SettingsError(f"{layer.name(named)} contradicts {layer.names(clashing)}: {reason}. Keep one of them.")


def _refuse_moved_address(overrides: list[Layer], server: Layer) -> None:
    for layer in overrides:
        for key in _ADDRESS:
            if key in layer:
                host = layer.label("DB_HOST")
                raise SettingsError(
                    f"{layer.name(key)} without {host} would send the credentials of {server.origin} "
                    f"to another server: give {host} beside it, or change {key} in {server.origin}."
                )


def _embedded(server: Layer, overrides: list[Layer]) -> Settings:
    for layer in overrides:
        clashing = [key for key in layer.values if key not in _ALLOWED_WITH_EMBEDDED]
        if clashing:
            raise SettingsError(
                f"{layer.names(clashing)} contradicts {server.name('DB_SERVER')}: "
                "the embedded server knows its own. Keep one of them."
            )
    database = next((layer["DB_NAME"] for layer in [*overrides, server] if "DB_NAME" in layer), "")
    source = "--embedded" if server.is_command_line else f"DB_SERVER=embedded in {server.origin}"
    environment = _environment([*overrides, server]) or "local"
    return Settings(embedded=True, source=source, dbname=database, environment=environment)


def _remote(server: Layer, overrides: list[Layer], ignored: list[Layer]) -> Settings:
    parameters: dict[str, str] = {}
    if "DATABASE_URL" in server:
        server, parameters = _expand_url(server)
    merged = _merge(server, overrides)
    if "DB_NAME" not in merged:
        raise _missing(server, "DB_NAME")
    if "DB_USER" not in merged and "DB_SECRET_ARN" not in merged:
        raise _missing(server, "DB_USER")

    host = settings_checks.host(merged)
    auth = _auth(merged, server)
    sslmode = settings_checks.sslmode(merged, host, auth)
    return Settings(
        embedded=False,
        source=", ".join(layer.origin for layer in [*overrides, server] if layer.values),
        host=host,
        hostaddr=settings_checks.hostaddr(merged),
        port=settings_checks.port(merged),
        dbname=merged["DB_NAME"],
        user=merged.get("DB_USER", ""),
        auth=auth,
        sslmode=sslmode,
        sslrootcert=settings_checks.root_certificate(merged, sslmode),
        secret_arn=settings_checks.secret_arn(merged),
        region=_first("AWS_REGION", [merged, *ignored]),
        # What a server is for is said where it is named, or above: a lower layer speaks of another one.
        environment=_environment([merged]),
        unused=tuple(layer.name(key) for layer in ignored for key in _CREDENTIALS if key in layer),
        password=merged.get("DB_PASSWORD", ""),
        parameters=tuple(parameters.items()),
    )


def _first(key: str, layers: list[Layer]) -> str:
    return next((layer[key] for layer in layers if key in layer), "")


def _environment(layers: list[Layer]) -> str:
    """What a new database is for. Silence is kept: the first migration takes it for production."""
    for layer in layers:
        if "DB_ENVIRONMENT" in layer:
            return settings_checks.environment(layer)
    return ""


def _expand_url(layer: Layer) -> tuple[Layer, dict[str, str]]:
    """The layer with its URL taken apart into the other keys, and the libpq parameters that have no key."""
    name = layer.name("DATABASE_URL")
    keys, parameters = database_url.parse(layer["DATABASE_URL"], name)
    if layer.is_command_line and ("DB_PASSWORD" in keys or "sslpassword" in parameters):
        raise SettingsError(
            "--url holds a password, and process arguments are public: leave it out, or put the whole URL "
            "into DATABASE_URL (environment or scripts/.env) instead."
        )
    for key in keys:
        if key in layer:
            raise SettingsError(f"{layer.name(key)} contradicts {name}, which says it too. Keep one of them.")
    rest = {key: value for key, value in layer.values.items() if key != "DATABASE_URL"}
    if not any(key in {**rest, **keys} for key in _CREDENTIALS):
        keys["DB_AUTH"] = "libpq"
    return layer.replace({**rest, **keys}), parameters


def _merge(server: Layer, overrides: list[Layer]) -> Layer:
    """The server's layer, overridden by the single settings of the layers above it."""
    values, origins = dict(server.values), dict.fromkeys(server.values, server)
    for layer in reversed(overrides):
        _refuse_two_credentials(layer)
        if any(key in layer for key in _CREDENTIALS):
            # A credential replaces the one below whole, of whatever kind.
            for key in _CREDENTIALS:
                values.pop(key, None)
        elif layer.get("DB_USER", values.get("DB_USER")) != values.get("DB_USER"):
            _refuse_foreign_password(layer, values, origins)
        values |= layer.values
        origins |= dict.fromkeys(layer.values, layer)
    return server.merged(values, origins)


def _refuse_foreign_password(layer: Layer, values: Mapping[str, str], origins: Mapping[str, Layer]) -> None:
    """The password below belongs to the user below; tried as another user it can only fail."""
    for key in ("DB_PASSWORD", "DB_SECRET_ARN"):
        if key in values:
            raise SettingsError(
                f"{layer.name('DB_USER')} is {layer['DB_USER']!r}, but {origins[key].name(key)} belongs to "
                f"another user: give the credential of {layer['DB_USER']!r} beside it."
            )


def _refuse_two_credentials(layer: Layer) -> None:
    given = [key for key in _CREDENTIALS if key in layer]
    if len(given) > 1:
        raise SettingsError(
            f"{layer.names(given)} contradict each other: each is a whole credential. Keep one of them."
        )


def _auth(merged: Layer, server: Layer) -> str:
    _refuse_two_credentials(merged)
    if "DB_PASSWORD" in merged:
        return "password"
    if "DB_SECRET_ARN" in merged:
        return "secret"
    if "DB_AUTH" in merged:
        return settings_checks.auth(merged)
    if server.is_command_line:
        # It has no option for a password, and a lower layer's must not follow it to another server.
        return "libpq"
    raise SettingsError(
        f"{server.name('DB_HOST')} is set without a credential: give one of DB_PASSWORD, DB_SECRET_ARN, "
        "DB_AUTH=iam (or DB_AUTH=libpq for a password file or peer)."
    )


def _missing(server: Layer, key: str) -> SettingsError:
    if server.came_from_url:
        part = {"DB_NAME": "database", "DB_USER": "user"}[key]
        return SettingsError(f"{server.name('DATABASE_URL')} names no {part}: postgresql://user@host:port/database.")
    return SettingsError(f"{server.name('DB_HOST')} is set without {server.label(key)}: give it beside it.")
