"""The one error of this package, and sentences for what goes wrong on every machine sooner or later."""

from __future__ import annotations

import errno

from ecommerce_dms.console import UserError


class EmbeddedServerError(UserError):
    """The embedded server cannot do what was asked: what happened, where, and the way out."""


def from_os_error(error: OSError, what: str) -> EmbeddedServerError:
    """The sentence for a failed file operation."""
    # shutil collects the errors of many files into one, which has no number.
    if error.errno in (errno.ENOSPC, errno.EDQUOT) or disk_is_full(str(error)):
        return EmbeddedServerError(f"{what}: the disk is full; free some space and run this again.")
    where = f" ({error.filename})" if error.filename else ""
    return EmbeddedServerError(f"{what}: {error.strerror or error}{where}. ECOMMERCE_DMS_HOME can name another place.")


def disk_is_full(output: str) -> bool:
    """Whether a program's output says so."""
    return "No space left on device" in output or "Disk quota exceeded" in output
