#!/usr/bin/env bash
# Makes the stack in terraform/ and writes scripts/.env; --help says all. The work is done in ecommerce_dms/aws/start.py.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/ecommerce_dms/find_python.sh"
PYTHONPATH="$here" exec "$python" -P -m ecommerce_dms.aws.start "$@"
