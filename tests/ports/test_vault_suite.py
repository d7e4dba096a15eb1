"""The universal suite of payloads at rest: what is stored cannot be read without a key, and never read wrongly."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bus.core.errors import ConfigurationError, JournalError
from bus.core.keeping import EncryptionSettings, Periods, RetentionSettings
from bus.core.ports import Journal
from bus.core.states import State
from bus.journal.side import Side
from bus.journal.upkeep.retention import Retention
from bus.journal.vault import MARK, MasterKey, Vault, master_keys
from tests.ports.implementations import JournalImplementation, journals
from tests.support.deliveries import MUNICIPALITY, SteppedClock, acceptance, call, step

pytestmark = pytest.mark.slow

DAY = 86_400.0
SECRET = b"<synthetic>canary 1234</synthetic>"


def keys(folder: Path, *names: str) -> tuple[MasterKey, ...]:
    """Keys from files, made where they are missing: the same name gives the same key."""
    paths = tuple(folder / name for name in names)
    for path in paths:
        path.write_bytes(base64.b64encode(path.name.encode().ljust(32, b".")))
    return master_keys(EncryptionSettings(paths))


@dataclass
class Stored:
    """A journal that is opened with other keys again and again."""

    implementation: JournalImplementation
    folder: Path
    clock: SteppedClock
    journal: Journal | None = None

    async def open(self, *names: str) -> Journal:
        """Open it with these keys; with none nothing is encrypted."""
        await self.close()
        vault = Vault(keys(self.folder, *names)) if names else None
        self.journal = self.implementation.make(self.folder, self.clock, vault=vault)
        await self.journal.open()
        return self.journal

    async def close(self) -> None:
        """Close what is open."""
        if self.journal is not None:
            await self.journal.close()
            self.journal = None

    def side(self) -> Side:
        """A connection beside it."""
        return self.implementation.side(self.folder)

    def values(self, statement: str) -> Sequence[Any]:
        """The first column of what is found."""
        side = self.side()
        try:
            return [row[0] for row in side.database.execute(statement).fetchall()]
        finally:
            side.close()

    def change(self, statement: str, *values: object) -> None:
        """What somebody with the password of the database does."""
        side = self.side()
        with side.transaction() as database:
            assert database.execute(statement, values).rowcount
        side.close()


@pytest.fixture(params=journals("reopen"))
async def stored(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stored]:
    """Not open yet."""
    found = Stored(request.param, tmp_path, SteppedClock())
    yield found
    await found.close()


async def test_what_is_stored_is_encrypted_and_given_back_as_it_came(stored: Stored) -> None:
    """Bodies and answers, searched by their metadata as ever; a repetition gets the first answer."""
    journal = await stored.open("one")
    asked = call(raw=SECRET)
    assert await journal.accept(asked) is None
    await journal.record([step(asked, State.REPLIED, reply=SECRET, reply_status=200)])
    for raw in [*stored.values("SELECT raw FROM body"), *stored.values("SELECT raw FROM reply")]:
        assert bytes(raw).startswith(MARK)
        assert b"canary" not in bytes(raw)
    assert journal.body(asked.exchange_id) == SECRET
    found = [journal.find(MUNICIPALITY, "tax", asked.message_id), journal.exchange_of(MUNICIPALITY, asked.message_id)]
    for known in [*found, await journal.accept(call(asked.message_id))]:
        assert known is not None
        assert (known.reply, known.reply_status) == (SECRET, 200)
    journal = await stored.open("one")
    assert journal.body(asked.exchange_id) == SECRET


async def test_what_was_stored_before_there_was_a_key_stays_readable(stored: Stored) -> None:
    """Switching on changes nothing that is there."""
    plain, secret = acceptance(raw=SECRET), acceptance(raw=SECRET)
    await (await stored.open()).accept(plain)
    journal = await stored.open("one")
    await journal.accept(secret)
    assert [journal.body(each.exchange_id) for each in (plain, secret)] == [SECRET, SECRET]
    assert stored.values("SELECT count(*) FROM data_key") == [1]


async def test_a_flipped_bit_in_an_unencrypted_body_is_an_error_and_never_a_message(stored: Stored) -> None:
    """The digest of what was accepted decides, whichever bit it was; of what is beside it nothing changes."""
    flipped, whole = acceptance(raw=SECRET), acceptance(raw=SECRET)
    journal = await stored.open()
    await journal.accept(flipped)
    await journal.accept(whole)
    (n,) = stored.values("SELECT min(n) FROM body")
    for place in (0, 11, len(SECRET) - 1):
        bad = SECRET[:place] + bytes([SECRET[place] ^ 0x10]) + SECRET[place + 1 :]
        stored.change("UPDATE body SET raw = ? WHERE n = ?", bad, n)
        with pytest.raises(JournalError) as caught:
            journal.body(flipped.exchange_id)
        assert (caught.value.code, caught.value.findings[0].path) == ("CB4031", flipped.exchange_id)
    assert journal.body(whole.exchange_id) == SECRET
    stored.change("UPDATE body SET raw = ? WHERE n = ?", SECRET, n)
    assert journal.body(flipped.exchange_id) == SECRET


@pytest.mark.parametrize("present", [(), ("two",)], ids=["no key", "another key"])
async def test_a_lost_key_is_an_error_with_a_code_and_nothing_else(stored: Stored, present: tuple[str, ...]) -> None:
    """Neither the encrypted bytes nor nothing are given out as if they were the message; what is new goes on."""
    one = acceptance(raw=SECRET)
    await (await stored.open("one")).accept(one)
    journal = await stored.open(*present)
    with pytest.raises(JournalError) as caught:
        journal.body(one.exchange_id)
    assert caught.value.code == "CB4030"
    fresh = acceptance(raw=SECRET)
    await journal.accept(fresh)
    assert journal.body(fresh.exchange_id) == SECRET
    assert journal.find(MUNICIPALITY, "juki", one.message_id) is not None


async def test_keys_overlap_and_are_changed_without_touching_a_payload(stored: Stored) -> None:
    """The new key encrypts, the old one reads; when all days are wrapped anew the old one is not needed any more."""
    old, new = acceptance(raw=SECRET), acceptance(raw=SECRET)
    await (await stored.open("one")).accept(old)
    before = stored.values("SELECT raw FROM body")
    journal = await stored.open("two", "one")
    await journal.accept(new)
    assert [journal.body(each.exchange_id) for each in (old, new)] == [SECRET, SECRET]
    await stored.close()
    side = stored.side()
    with side.transaction() as database:
        assert Vault(keys(stored.folder, "two", "one")).wrap_anew(database) == 1
    side.close()
    journal = await stored.open("two")
    assert [journal.body(each.exchange_id) for each in (old, new)] == [SECRET, SECRET]
    assert stored.values("SELECT raw FROM body ORDER BY n")[:1] == before


async def test_an_altered_or_exchanged_payload_is_never_given_out(stored: Stored) -> None:
    """A changed byte, another message's body, another key's wrapping: each is CB4030."""
    journal = await stored.open("one")
    first, second = acceptance(raw=SECRET), acceptance(raw=b"<other/>")
    await journal.accept(first)
    await journal.accept(second)
    low, high = stored.values("SELECT n FROM body ORDER BY n")
    raw = bytes(stored.values(f"SELECT raw FROM body WHERE n = {low}")[0])
    other = bytes(stored.values(f"SELECT raw FROM body WHERE n = {high}")[0])
    for changed in (raw[:-1] + bytes([raw[-1] ^ 1]), other, raw[: len(MARK) + 4], raw[:-16]):
        stored.change("UPDATE body SET raw = ? WHERE n = ?", changed, low)
        with pytest.raises(JournalError) as caught:
            journal.body(first.exchange_id)
        assert caught.value.code == "CB4030"
    stored.change("UPDATE body SET raw = ? WHERE n = ?", raw, low)
    assert journal.body(first.exchange_id) == SECRET
    stored.change("UPDATE data_key SET wrapped = ?", b"x" * 60)
    journal = await stored.open("one")
    with pytest.raises(JournalError) as caught:
        journal.body(first.exchange_id)
    assert caught.value.code == "CB4030"
    third = acceptance(raw=SECRET)
    await journal.accept(third)
    assert journal.body(third.exchange_id) == SECRET


async def test_every_day_has_its_key_and_it_goes_with_the_last_payload(stored: Stored) -> None:
    """Retention destroys the keys of days of which nothing is left; a copy of such a row cannot be read any more."""
    journal = await stored.open("one")
    for _ in range(3):
        one = call(raw=SECRET, received_at=stored.clock.now())
        await journal.accept(one)
        await journal.record([step(one, State.CANCELLED)])
        stored.clock.at += DAY
    assert len(set(stored.values("SELECT day FROM data_key"))) == 3
    copy = bytes(stored.values("SELECT raw FROM body ORDER BY n LIMIT 1")[0])
    stored.clock.at += 40 * DAY
    parked = acceptance(raw=SECRET, received_at=stored.clock.now())
    await journal.accept(parked)
    side = stored.side()
    rules = RetentionSettings(Periods(30, 4000))
    report = Retention(side, rules, stored.clock, actor="test", pause=lambda seconds: None).run()
    assert (report.removed["payload"], report.removed["key"]) == (3, 3)
    assert journal.body(parked.exchange_id) == SECRET
    with pytest.raises(JournalError):
        Vault(keys(stored.folder, "one")).open(copy, "anything", side.database)
    side.close()


@pytest.mark.parametrize("text", ["", "short", "not base64!", base64.b64encode(b"x" * 31).decode()])
def test_what_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    """Before anything is encrypted with it."""
    path = tmp_path / "bad"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        master_keys(EncryptionSettings((path,)))
    assert caught.value.code == "CB7074"


def test_a_command_gives_keys(tmp_path: Path) -> None:
    """One a line, after those of files; one that fails, or is not there, is CB7074."""
    key = base64.b64encode(b"k" * 32).decode()
    (found,) = master_keys(EncryptionSettings((), ("/bin/echo", key)))
    assert found.name == master_keys(EncryptionSettings((), ("/bin/sh", "-c", f"echo {key}")))[0].name
    for command in (("/bin/false",), (str(tmp_path / "missing"),), ("/bin/true",)):
        with pytest.raises(ConfigurationError):
            master_keys(EncryptionSettings((), command))
