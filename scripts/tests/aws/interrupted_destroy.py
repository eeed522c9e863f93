"""The destroyer, interrupted as by Ctrl-C right after the phase named first; the other arguments are its own."""

from __future__ import annotations

import sys

from ecommerce_dms import console
from ecommerce_dms.aws import destroy


def main() -> int:
    def interrupt(phase: str) -> None:
        if phase == sys.argv[1]:
            raise KeyboardInterrupt

    return destroy.main(sys.argv[2:], after_phase=interrupt)


if __name__ == "__main__":
    raise SystemExit(console.run(main))
