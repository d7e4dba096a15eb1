"""Payloads at rest: AES-256-GCM under a key of the day, which itself lies wrapped under a key of the site.

The key of the day stands in the journal, wrapped; the site's keys come from files or a command and never touch it. So
a site's key is changed by wrapping a few small keys anew, and what a day's key encrypted is unreadable when it is gone.
"""

from __future__ import annotations

import base64
import binascii
import os
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bus.core.errors import ConfigurationError, JournalError
from bus.core.keeping import DAY_S, EncryptionSettings
from bus.core.types import Finding, Known
from bus.journal.database import Database

UNREADABLE: Final = "CB4030"
ALTERED: Final = "CB4031"
NO_KEY: Final = "CB7074"

MARK: Final = b"\x89CBENC1\n"
"""Begins every encrypted payload; no XML and no text begins so."""

JAPAN_S: Final = 9 * 3600
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
COMMAND_S: Final = 30.0

_HEAD: Final = struct.Struct(f">{len(MARK)}sI")
_START: Final = _HEAD.size + NONCE_BYTES
_WRAPPING: Final = b"chiikibus data key 1"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key of the site; ``name`` is the beginning of its digest."""

    name: str
    cipher: AESGCM


def master_keys(settings: EncryptionSettings) -> tuple[MasterKey, ...]:
    """The site's keys, the present one first. Errors: CB7074 one is missing or is no key."""
    texts: list[tuple[str, str]] = []
    for path in settings.keys:
        try:
            texts.append((path.name, path.read_text("ascii")))
        except (OSError, UnicodeDecodeError) as error:
            raise _no_key(path.name, type(error).__name__) from error
    if settings.command:
        texts += [("command", line) for line in _told(settings.command)]
    keys = tuple(_master_key(name, text) for name, text in texts)
    if not keys:
        raise _no_key("journal.encryption", "no key")
    return keys


def _told(command: Sequence[str]) -> list[str]:
    """What the command prints, a key on each line. Errors: CB7074."""
    try:
        done = subprocess.run(  # noqa: S603 (the site's own command, without a shell)
            list(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _no_key("journal.encryption.command", type(error).__name__) from error
    if done.returncode:
        raise _no_key("journal.encryption.command", f"exit {done.returncode}")
    return done.stdout.decode("ascii", "replace").splitlines()


def _master_key(name: str, text: str) -> MasterKey:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise _no_key(name, "not base64") from error
    if len(key) != KEY_BYTES:
        raise _no_key(name, f"{len(key)} bytes")
    return MasterKey(sha256(b"chiikibus master key\n" + key).hexdigest()[:16], AESGCM(key))


def _no_key(path: str, got: str) -> ConfigurationError:
    return ConfigurationError(NO_KEY, [Finding(NO_KEY, path=path, expected="32 bytes, base64", got=got)])


class Vault:
    """Encrypts and decrypts payloads. Written to by the journal's writer, asked by everybody who reads.

    ``place`` binds a payload to its row: the exchange's id, or the delivery's for an answer.
    """

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._keys = {key.name: key for key in keys}
        self._present = keys[0]
        self._ciphers: dict[int, AESGCM] = {}
        self._day = -1
        self._number = 0

    def begin(self, database: Database, now: float) -> None:
        """At the start of a batch, inside its transaction: have the key of the day."""
        day = int((now + JAPAN_S) // DAY_S)
        if day == self._day:
            return
        row = database.execute(
            "SELECT k, wrapped FROM data_key WHERE day = ? AND master = ? ORDER BY k DESC LIMIT 1",
            (day, self._present.name),
        ).fetchone()
        number = 0 if row is None else self._opens(int(row[0]), bytes(row[1]))
        if not number:
            number = int(database.execute("SELECT coalesce(max(k), 0) + 1 FROM data_key").fetchone()[0])
            key = AESGCM.generate_key(256)
            database.execute(
                "INSERT INTO data_key (k, day, master, wrapped) VALUES (?, ?, ?, ?)",
                (number, day, self._present.name, self._wrapped(number, key)),
            )
            self._ciphers[number] = AESGCM(key)
        self._number, self._day = number, day

    def _opens(self, number: int, wrapped: bytes) -> int:
        """The number of a key of this day that can be used, 0 for one that cannot: then there is a new one."""
        try:
            self._ciphers[number] = AESGCM(self._unwrapped(number, self._present.name, wrapped))
        except JournalError:
            return 0
        return number

    def forget(self) -> None:
        """A batch was undone, perhaps with the key that it made."""
        self._day = -1

    def close(self, payload: bytes, place: str) -> bytes:
        """The payload as it is stored, under the key of the day."""
        nonce = os.urandom(NONCE_BYTES)
        head = _HEAD.pack(MARK, self._number) + nonce
        return head + self._ciphers[self._number].encrypt(nonce, payload, place.encode())

    def open(self, stored: bytes, place: str, database: Database) -> bytes:
        """The payload; what was stored before there was a key is given back as it is. Errors: CB4030."""
        if not stored.startswith(MARK):
            return stored
        if len(stored) < _START + TAG_BYTES:
            raise unreadable(place, "cut off")
        number = _HEAD.unpack_from(stored)[1]
        cipher = self._ciphers.get(number) or self._fetched(number, database)
        try:
            return cipher.decrypt(stored[_HEAD.size : _START], stored[_START:], place.encode())
        except InvalidTag as error:
            raise unreadable(place, f"not what was encrypted with data key {number}") from error

    def wrap_anew(self, database: Database) -> int:
        """Inside a transaction: wrap every key of a day under the site's present key; how many. Errors: CB4030."""
        rows = database.execute(
            "SELECT k, master, wrapped FROM data_key WHERE master <> ? ORDER BY k", (self._present.name,)
        ).fetchall()
        for number, master, wrapped in map(tuple, rows):
            key = self._unwrapped(number, master, bytes(wrapped))
            database.execute(
                "UPDATE data_key SET master = ?, wrapped = ? WHERE k = ?",
                (self._present.name, self._wrapped(number, key), number),
            )
        return len(rows)

    def can_open(self, master: str) -> bool:
        """Whether the site has this key."""
        return master in self._keys

    def _fetched(self, number: int, database: Database) -> AESGCM:
        row = database.execute("SELECT master, wrapped FROM data_key WHERE k = ?", (number,)).fetchone()
        if row is None:
            raise unreadable(f"data key {number}", "destroyed")
        cipher = self._ciphers[number] = AESGCM(self._unwrapped(number, row[0], bytes(row[1])))
        return cipher

    def _wrapped(self, number: int, key: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._present.cipher.encrypt(nonce, key, _WRAPPING + b" %d" % number)

    def _unwrapped(self, number: int, master: str, wrapped: bytes) -> bytes:
        key = self._keys.get(master)
        if key is None:
            raise unreadable(f"data key {number}", f"master key {master} is not configured")
        try:
            return key.cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _WRAPPING + b" %d" % number)
        except (InvalidTag, ValueError) as error:
            raise unreadable(f"data key {number}", "altered") from error


def opened(vault: Vault | None, stored: bytes, place: str, database: Database) -> bytes:
    """A stored payload as it was received. Errors: CB4030 it is encrypted and cannot be read."""
    if vault is not None:
        return vault.open(stored, place, database)
    if stored.startswith(MARK):
        raise unreadable(place, "encrypted, and no key is configured")
    return stored


def opened_known(vault: Vault | None, known: Known | None, database: Database) -> Known | None:
    """What is known of a message, with its answer as it was received. Errors: CB4030."""
    if known is None or not known.reply:
        return known
    reply = opened(vault, known.reply, f"{known.exchange_id}-0", database)
    return known if reply is known.reply else replace(known, reply=reply)


def altered(place: str, got: str) -> JournalError:
    """CB4031: what is stored is not what was accepted; ``got`` says how that was seen."""
    return JournalError(ALTERED, [Finding(ALTERED, path=place, got=got)])


def unreadable(place: str, got: str) -> JournalError:
    """CB4030 with what could not be read; never with any of it."""
    return JournalError(UNREADABLE, [Finding(UNREADABLE, path=place, got=got)])
