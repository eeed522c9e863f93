"""Amazon's certificates for RDS, which no operating system trusts by itself: fetched once, used for every RDS host.

They lie in scripts/.certificates/ with a note that says from where and when they came, and their SHA-256. Standard
library only: every connection asks here, AWS or not.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ecommerce_dms.console import UserError

SOURCE = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
SOURCE_VARIABLE = "RDS_CA_BUNDLE_URL"  # A mirror, or file:///… for machines without a way out.
FOLDER = Path(__file__).resolve().parents[2] / ".certificates"

_NAME = "rds-global-bundle.pem"
_NOTE = "rds-global-bundle.json"
_RDS_HOST = re.compile(r"\.rds\.amazonaws\.com(\.cn)?$")
_WARN_BEFORE = timedelta(days=90)
_LARGEST = 4 * 1024 * 1024  # Today's has 170 kB.
_TIMEOUT = 20  # seconds


class NoCertificates(UserError):  # noqa: N818 (reads as a sentence where it is caught)
    """The bundle could not be had, and how to have it."""


def for_host(host: str, sslmode: str) -> str:
    """The bundle's path for a server that is RDS by its name and whose certificate is checked; else empty."""
    names = host.split(",")
    if sslmode in ("verify-ca", "verify-full") and all(map(_RDS_HOST.search, names)) and (FOLDER / _NAME).is_file():
        return str(FOLDER / _NAME)
    return ""


def ensure_for(host: str, environ: Mapping[str, str] = os.environ) -> list[str]:
    """`ensure` for a host that is RDS by its name, unless certificates of the user's own are named."""
    return ensure(environ) if _RDS_HOST.search(host) and not environ.get("DB_SSLROOTCERT") else []


def ensure(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Fetches the bundle unless it is there, whole. Returns lines for the screen: where it is, what is amiss.

    Raises:
        NoCertificates: it is not there and cannot be fetched.
    """
    bundle = FOLDER / _NAME
    lines = []
    if not _is_whole(FOLDER):
        if bundle.exists():
            lines.append(f"{bundle} is not what was fetched: it is fetched anew.")
        _fetch(FOLDER, environ.get(SOURCE_VARIABLE) or SOURCE)
    note = json.loads((FOLDER / _NOTE).read_text(encoding="utf-8"))
    lines.append(f"Amazon's certificates for RDS: {bundle}, fetched {note['fetched'][:10]}.")
    return lines + _expiry_warning(bundle)


def _is_whole(folder: Path) -> bool:
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
        return hashlib.sha256((folder / _NAME).read_bytes()).hexdigest() == note["sha256"]
    except (OSError, ValueError, KeyError):
        return False


def _fetch(folder: Path, url: str) -> None:
    if not url.startswith(("https://", "file://")):
        raise NoCertificates(f"{SOURCE_VARIABLE} is {url!r}: certificates come over https:// or from a file:// only.")
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 (the scheme is checked above)
            content = answer.read(_LARGEST)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise NoCertificates(
            f"Amazon's certificates for RDS cannot be fetched from {url}: {reason}. Without a way out to it: fetch that "
            f"file on another machine and call this with {SOURCE_VARIABLE}=file:///path/to/global-bundle.pem, or name "
            "your own certificates as DB_SSLROOTCERT in scripts/.env."
        ) from None
    if not _dates(content.decode("ascii", errors="replace")):
        raise NoCertificates(f"{url} holds no certificates. Is a proxy in between? Amazon's are at {SOURCE}.")
    folder.mkdir(parents=True, exist_ok=True)
    note = {
        "source": url,
        "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    # The note last: a bundle without its note is fetched again.
    _replace(folder / _NAME, content)
    _replace(folder / _NOTE, json.dumps(note, indent=2).encode() + b"\n")


def _expiry_warning(bundle: Path) -> list[str]:
    first = min(_dates(bundle.read_text(encoding="ascii")))
    if first - datetime.now(UTC) > _WARN_BEFORE:
        return []
    return [
        f"warning: a certificate in {bundle} {'ends' if first > datetime.now(UTC) else 'ended'} on {first:%Y-%m-%d}. "
        "Remove that file and run this again: Amazon publishes new ones in time."
    ]


def _dates(pem: str) -> list[datetime]:
    """Until when each certificate is valid; empty where there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        return []
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in context.get_ca_certs()]
    return [datetime.fromtimestamp(end, UTC) for end in ends]


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)
