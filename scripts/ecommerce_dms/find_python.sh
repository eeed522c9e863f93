# Sourced by the shell scripts here: sets `python` to one that has the requirements, or says how to get one.
# An active virtual environment comes first, then python3, then .venv (scripts/local.py makes it).

python=
for candidate in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" python3 "$here/../.venv/bin/python"; do
    if [ -n "$candidate" ] && "$candidate" - <<'CHECK' >/dev/null 2>&1
import importlib.util, sys
wanted = ("boto3", "dotenv", "psycopg2", "sqlalchemy")
sys.exit(sys.version_info < (3, 11) or any(importlib.util.find_spec(name) is None for name in wanted))
CHECK
    then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "error: no Python 3.11 with the requirements is found (tried VIRTUAL_ENV, python3, .venv)." >&2
    echo "Make one: python3 -m venv .venv && . .venv/bin/activate" >&2
    echo "          pip install --require-hashes -r scripts/requirements.lock" >&2
    exit 1
fi
