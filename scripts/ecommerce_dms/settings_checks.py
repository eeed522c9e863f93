"""Whether single settings can be right: each function takes the merged layers and returns one value.

Each raises SettingsError, which names the setting, where it stands, and its value unless that may be secret.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path

from ecommerce_dms.aws import ca_bundle
from ecommerce_dms.settings_layers import Layer, SettingsError

DEFAULT_PORT = 5432

# libpq's list, weakest first.
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")

# What shop.deployment may say (schema/models/reference.py).
ENVIRONMENTS = ("local", "test", "staging", "production")
_ENCRYPTED_SSL_MODES = SSL_MODES[SSL_MODES.index("require") :]


def host(merged: Layer) -> str:
    """A name, an address, or the directory of a socket."""
    value, name = merged["DB_HOST"], merged.name("DB_HOST")
    if "://" in value:
        raise SettingsError(f"{name} holds a URL: put it into DATABASE_URL.")
    if any(character.isspace() for character in value):
        raise SettingsError(f"{name} is {value!r}: a host name has no blanks.")
    if value.count(":") == 1:
        # The `endpoint` that Terraform prints for an RDS instance has the port at its end.
        raise SettingsError(f"{name} is {value!r}: the port goes into DB_PORT.")
    return value


def hostaddr(merged: Layer) -> str:
    """The address to connect to instead of looking up DB_HOST; empty when not given."""
    value, name = merged.get("DB_HOSTADDR", ""), merged.name("DB_HOSTADDR")
    try:
        for one in filter(None, value.split(",")):
            ipaddress.ip_address(one)
    except ValueError:
        raise SettingsError(f"{name} is {value!r}: it must be an IP address (the name goes into DB_HOST).") from None
    return value


def port(merged: Layer) -> int:
    """1 to 65535."""
    text, name = merged.get("DB_PORT", str(DEFAULT_PORT)), merged.name("DB_PORT")
    # isdecimal() alone also takes digits of other scripts, and int() takes signs and underscores.
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65535):
        raise SettingsError(f"{name} is {text!r}: a port is a number from 1 to 65535.")
    return int(text)


def auth(merged: Layer) -> str:
    """How DB_AUTH says to authenticate."""
    value, name = merged["DB_AUTH"], merged.name("DB_AUTH")
    if value not in ("iam", "libpq"):
        # Not shown: what stands there by mistake may be a password.
        raise SettingsError(f"{name} can be iam or libpq. A password goes into DB_PASSWORD, an ARN into DB_SECRET_ARN.")
    return value


def sslmode(merged: Layer, host: str, auth: str) -> str:
    """Remote: the server must prove its name. Here nobody is in between, and often there is no TLS."""
    mode, name = merged.get("DB_SSLMODE"), merged.name("DB_SSLMODE")
    if mode is None:
        return "prefer" if is_local(host) and auth != "iam" else "verify-full"
    if mode not in SSL_MODES:
        raise SettingsError(f"{name} is {mode!r}; it can be {', '.join(SSL_MODES)}.")
    if auth == "iam" and mode not in _ENCRYPTED_SSL_MODES:
        raise SettingsError(
            f"DB_AUTH=iam contradicts {name}, which is {mode}: the token is a password, and RDS takes it "
            "over TLS alone. Use verify-full."
        )
    return mode


def is_local(host: str) -> bool:
    """Whether every one of these comma-separated hosts is this machine: a socket or a loopback address."""
    return all(map(_is_local, host.split(",")))


def _is_local(host: str) -> bool:
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def root_certificate(merged: Layer, sslmode: str) -> str:
    """The file of trusted certificates, `system`, or empty for libpq's default (~/.postgresql/root.crt).

    For RDS, whose certificates no system trusts, Amazon's bundle is the default where the start script has fetched it.
    """
    value, name = merged.get("DB_SSLROOTCERT", ""), merged.name("DB_SSLROOTCERT")
    if not value:
        return ca_bundle.for_host(merged["DB_HOST"], sslmode)
    if value == "system" and sslmode != "verify-full":
        raise SettingsError(
            f"{name} is system, which contradicts sslmode {sslmode}: libpq takes it with verify-full alone."
        )
    if value == "system":
        return value
    path = merged.base_directory("DB_SSLROOTCERT") / Path(value).expanduser()
    if not path.is_file():
        raise SettingsError(
            f"{name} is {value!r}, and there is no such file. Amazon's certificates for all regions: "
            "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
        )
    if not os.access(path, os.R_OK):
        raise SettingsError(f"{name} is {value!r}, which this user may not read.")
    return str(path)


def environment(layer: Layer) -> str:
    """What a new database is for."""
    value = layer["DB_ENVIRONMENT"]
    if value not in ENVIRONMENTS:
        raise SettingsError(f"{layer.name('DB_ENVIRONMENT')} is {value!r}; it can be {', '.join(ENVIRONMENTS)}.")
    return value


def secret_arn(merged: Layer) -> str:
    """The ARN of a secret; empty when not given."""
    value, name = merged.get("DB_SECRET_ARN", ""), merged.name("DB_SECRET_ARN")
    if value and not (value.startswith("arn:") and value.count(":") >= 6 and ":secretsmanager:" in value):
        # Not shown: what stands there by mistake may be the secret itself.
        raise SettingsError(f"{name} is no ARN of Secrets Manager (arn:aws:secretsmanager:region:account:secret:name).")
    return value
