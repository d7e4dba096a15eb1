"""``python -m conformance``: the judge alone, without bus and adapters."""

from conformance.cli import app

app(prog_name="python -m conformance")
