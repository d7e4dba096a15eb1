#!/usr/bin/env bash
# The whole town: 22 units, every flow, three vendors, one of them behind an S3 bucket (a test server: --dev). Options: see run.py. Installs what Python needs first.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)"
. "$root/deploy/lib/environment.sh"
ensure_python_environment --dev >&2
cd "$root"
exec "$PYTHON" "$root/deploy/examples/town/run.py" "$@"
