#!/usr/bin/env bash
# Takes the stack in terraform/ down without regret; --help says all. The work is done in ecommerce_dms/aws/destroy.py.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/ecommerce_dms/find_python.sh"
PYTHONPATH="$here" exec "$python" -P -m ecommerce_dms.aws.destroy "$@"
