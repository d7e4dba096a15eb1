"""A RabbitMQ for the bus under test, and the site folder that names it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.children import HarnessError

STARTER = Path(__file__).resolve().parents[2] / "lib" / "private_rabbitmq.py"


def rabbitmq_at(folder: Path) -> Any:
    """A running node. Errors: ``HarnessError``."""
    spec = importlib.util.spec_from_file_location("private_rabbitmq", STARTER)
    if spec is None or spec.loader is None:
        raise HarnessError(str(STARTER))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    try:
        return module.PrivateRabbitMq(folder).start()
    except (module.RabbitMqMissing, module.RabbitMqFailed) as error:
        raise HarnessError(str(error)) from error


def server_named(server: Any) -> Callable[[Path], None]:
    """What makes a site folder use it."""

    def change(folder: Path) -> None:
        path = folder / "secrets" / "broker.key"
        path.touch(mode=0o600)
        path.write_text(server.password, encoding="utf-8")
        place = folder / "site.toml"
        named = f'engine = "rabbitmq"\nnodes = ["127.0.0.1:{server.port}"]\nprefix = "bench-{folder.name}"'
        place.write_text(place.read_text("utf-8").replace('engine = "memory"', named), encoding="utf-8")

    return change
