"""The lease of the journal: its owner lives as long as it is renewed, by the clock of the server.

The session's advisory lock falls with the owner's process or its connection. A process that stands still keeps both,
and that is what the lease is for: a standby that finds it expired ends the session and takes its place. What the old
owner then still believes does not matter: every batch compares its name under the row of turns.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Any, Final

from bus.journal.postgres.database import Link

LEASE_S: Final = 15.0
"""How long an owner may be silent unless the site says otherwise."""

RENEWALS: Final = 4
"""So many times within a lease it is renewed."""

_NOW: Final = "extract(epoch FROM clock_timestamp())"
_TAKE: Final = (
    f"UPDATE lease SET holder = ?, token = token + ?, until = {_NOW} + ? WHERE name = 'owner' RETURNING token"  # noqa: S608 (constants)
)
_RENEW: Final = f"UPDATE lease SET until = {_NOW} + ? WHERE name = 'owner'"  # noqa: S608 (constants)
_GIVE_UP: Final = "UPDATE lease SET until = 0 WHERE name = 'owner' AND token = ?"
_READ: Final = f"SELECT holder, token, until, until - {_NOW} FROM lease WHERE name = 'owner'"  # noqa: S608 (constants)


@dataclass(frozen=True, slots=True)
class Lease:
    """The row: ``until`` in seconds since the epoch, 0 when nobody holds it; ``left_s`` of it by the server's clock."""

    holder: str
    token: int
    until: float
    left_s: float

    @property
    def expired(self) -> bool:
        """Whether somebody held it and was silent for too long."""
        return self.until > 0 and self.left_s < 0


def myself() -> str:
    """This process, for people."""
    return f"{socket.gethostname()} {os.getpid()}"


def take(link: Link, lease_s: float, *, anew: bool) -> int:
    """Hold it from now on, inside the transaction that compares the owner's name; the token, one higher if ``anew``."""
    row: Any = link.execute(_TAKE, (myself(), int(anew), lease_s)).fetchone()
    return int(row[0])


def renew(link: Link, lease_s: float) -> None:
    """Hold it for as long again, inside a batch."""
    link.execute(_RENEW, (lease_s,))


def give_up(link: Link, token: int) -> None:
    """The owner ends in order."""
    link.execute(_GIVE_UP, (token,))


def read(link: Link) -> Lease:
    """The row as it stands."""
    row: Any = link.execute(_READ).fetchone()
    return Lease(str(row[0]), int(row[1]), float(row[2]), float(row[3]))
