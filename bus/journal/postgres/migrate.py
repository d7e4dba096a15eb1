"""Brings the schema up to date with Alembic, one program at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy.pool import NullPool

from bus.journal.postgres.database import Place, cannot_open, connect
from bus.journal.postgres.schema import HEAD, version, wrong_version

LOCK: Final = 0x63_68_69_69_6B_69
"""The advisory lock of whoever changes a schema."""

STEPS: Final = Path(__file__).parent / "migrations"


def migrate(place: Place) -> None:
    """Create the schema, or bring it to ``HEAD``; other programs wait. Errors: CB4003, also for a newer schema."""
    link = connect(place, purpose="schema")
    try:
        link.execute("SELECT pg_advisory_lock(?)", (LOCK,))
        if link.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (place.schema,)).fetchone() is None:
            link.connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(place.schema)))
        found = version(link)
        if found == HEAD:
            return
        if found > HEAD:
            raise wrong_version(place, found)
        _upgrade(place)
    except (psycopg.Error, sqlalchemy.exc.SQLAlchemyError) as error:
        raise cannot_open(place, getattr(error, "orig", None) or error) from error
    finally:
        link.close()


def _upgrade(place: Place) -> None:
    def make() -> psycopg.Connection[tuple[object, ...]]:
        link = connect(place, purpose="schema")
        link.connection.autocommit = False
        return link.connection

    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=make, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            config = Config()
            config.set_main_option("script_location", str(STEPS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()
