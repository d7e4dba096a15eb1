"""A RabbitMQ and a PostgreSQL for the bus under test, the site folder that names them, and questions to its journal."""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
import tomllib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.children import HarnessError

LIBRARY = Path(__file__).resolve().parents[2] / "lib"


def library(name: str) -> ModuleType:
    """A module of deploy/lib, by its name. Errors: ``HarnessError``."""
    spec = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    if spec is None or spec.loader is None:
        raise HarnessError(str(LIBRARY / name))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Engines:
    """The servers of one run of the harness. Every bus has a schema and queues of its own on them."""

    def __init__(self, folder: Path, *, journal: str, broker: str) -> None:
        """``journal`` "sqlite" or "postgresql", ``broker`` "memory" or "rabbitmq". Errors: ``HarnessError``."""
        self.broker: Any = None
        self.journal: Any = None
        try:
            if broker == "rabbitmq":
                self.broker = library("private_rabbitmq").PrivateRabbitMq(folder / "rabbitmq").start()
            if journal == "postgresql":
                self.journal = library("private_postgres").PrivatePostgres()
                self.journal.start()
        except RuntimeError as error:
            self.stop()
            raise HarnessError(str(error)) from error

    @property
    def embedded(self) -> bool:
        """Whether there is nothing but the bus."""
        return self.broker is None and self.journal is None

    def name(self, folder: Path) -> None:
        """Make a site folder use them."""
        place = folder / "site.toml"
        text = place.read_text("utf-8")
        label = folder.name.replace("-", "_")
        if self.broker is not None:
            path = folder / "secrets" / "broker.key"
            path.touch(mode=0o600)
            path.write_text(self.broker.password, encoding="utf-8")
            named = f'engine = "rabbitmq"\nnodes = ["127.0.0.1:{self.broker.port}"]\nprefix = "bench-{folder.name}"'
            text = text.replace('engine = "memory"', named)
        if self.journal is not None:
            named = f'engine = "postgresql"\ndsn = "{self.journal.dsn(tcp=True)}"\nschema = "bench_{label}"'
            text = text.replace('engine = "sqlite"', named)
        place.write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """End them."""
        if self.broker is not None:
            self.broker.stop()
        if self.journal is not None:
            self.journal.remove()


def asked(site: Path, statement: str, values: Sequence[float] = ()) -> list[tuple[Any, ...]]:
    """The rows of a question (with ``?`` for values) to the journal of a site folder, whatever engine it is on."""
    settings = tomllib.loads((site / "site.toml").read_text("utf-8"))["journal"]
    if settings["engine"] == "sqlite":
        with closing(sqlite3.connect(f"file:{site}/var/journal.sqlite?mode=ro", uri=True)) as journal:
            return journal.execute(statement, values).fetchall()
    import psycopg  # noqa: PLC0415 - only where the journal is on PostgreSQL is it installed

    with psycopg.connect(settings["dsn"], options=f"-c search_path={settings['schema']}") as connection:
        return connection.execute(statement.replace("?", "%s").encode(), values).fetchall()
