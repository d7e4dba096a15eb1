"""Nothing of a person leaves the bus but inside a message: no fault, no line of log and no file name holds a value."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from bus.core import log
from tests.app.conftest import Town
from tests.support.polling import until_async
from tests.support.providers import refuse
from tests.support.residents import RESIDENT, message, resident
from tests.support.sites import change

# Synthetic: neither names nor numbers belong to anybody. None of these texts occurs in a fault of its own accord.
CANARIES = {
    "shimei": "鸛原　鶺鴒",
    "shimei_furigana": "コウハラ　セキレイ",
    "seinengappi": "1931-07-19",
    "kojinbango": "123456789018",
    "juminhyokodo": "98765432109",
    "setainushi_shimei": "鸛原　鷦鷯",
    "jusho_choaza": "鷺沼鵯町一丁目",
    "jusho_banchigohyoki": "鵲番鶉号",
    "jusho_katagaki": "鶯荘",
    "honseki": "鴎県鴨市鶴町",
    "hittosha": "鸛原　鵜",
    "biko": "鳶と鷹",
}
NAMES = sorted(CANARIES)
STRAY = 'municipality = "990019", operation = "juki.shiensochi_tsuchi"'


def right(endpoint: str, purpose: str) -> str:
    """A right to the operation that may carry no 個人番号."""
    return f'{{ {STRAY}, endpoint = "{endpoint}", purposes = ["{purpose}"] }}'


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    """Every line of log of this process, from the lowest level on."""
    out = io.BytesIO()
    log.configure("debug", stream=out)
    yield out
    structlog.reset_defaults()


def leaks(*texts: bytes) -> set[str]:
    """The items whose value, or a telling part of it, stands in one of the texts."""
    whole = b"\n".join(texts).decode("utf-8")
    return {name for name, value in CANARIES.items() if any(part in whole for part in value.split("\u3000"))}


async def test_a_refused_notice_tells_where_it_is_wrong_and_never_what_stands_there(
    town: Town, stream: io.BytesIO
) -> None:
    """Each item of a person in turn: another script, far too long."""
    answers = []
    for name in NAMES:
        for spoilt in (CANARIES[name] + "x|ｱ", CANARIES[name] * 200):
            changes = {**CANARIES, name: spoilt}
            status, raw = await town.notify(**changes)
            assert status == 500, name
            answers.append(raw)
    assert leaks(*answers) == set()
    assert stream.getvalue().count(b"\n") >= len(answers)
    assert leaks(stream.getvalue()) == set()


async def test_a_message_on_its_way_is_not_told_by_logs_nor_by_names_of_files(town: Town, stream: io.BytesIO) -> None:
    """Delivered, parked with the receiver's fault, asked for without a right, and damaged."""
    town.tax.behaviour = refuse("CB6016")
    assert (await town.notify(**CANARIES))[0] == 200
    await until_async(lambda: town.counts() == {"DELIVERED": 1, "PARKED": 1}, what="both ends")
    notice = message(town.edition, "juki.ido_tsuchi", resident(**CANARIES))
    answers = [
        (await town.post("kokuho", "juki.ido_tsuchi", notice))[1],
        (await town.post("juki", "juki.ido_tsuchi", notice[:-40]))[1],
        (await town.post("juki", "juki.ido_tsuchi", notice.replace(b"shimei>", b"namae>")))[1],
    ]
    assert leaks(*answers, stream.getvalue()) == set()
    assert RESIDENT["atenabango"].encode() not in stream.getvalue()
    assert leaks("\n".join(str(path) for path in town.folder.rglob("*")).encode()) == set()


async def test_what_is_withheld_or_stopped_is_told_by_nothing_but_its_name(town: Town, stream: io.BytesIO) -> None:
    """Receivers do not get what they may not see; journal, log and fault quote neither that nor a stray number."""
    change(town.folder / "rights.toml", "right = [", f"right = [ {right('juki', 'jumin')}, {right('tax', 'kazei')},")
    change(town.folder / "routes.toml", "route = [", f'route = [ {{ {STRAY}, to = ["tax"], mode = "queued" }},')
    await town.reload()
    assert (await town.notify(**CANARIES))[0] == 200
    await until_async(lambda: town.counts() == {"DELIVERED": 2}, what="both deliveries")
    hidden = {"juminhyokodo", "honseki", "biko"}
    for receiver in (town.tax, town.kokuho):
        (got,) = receiver.received
        assert b"Hikaiji" in got.body
        assert leaks(got.body) & hidden == set()
        assert leaks(got.body), "what it may see, it sees"
    values = {
        "shikuchosonkodo": "990019", "atenabango": RESIDENT["atenabango"], "rirekibango": "1", "shien_ido": "4",
        "shiensochi_kubun": "0", "shien_shuryonengappi": "2026-01-01", "hakkoyokushifuragu": "0",
        "tagyomusanshofukafuragu": "0", "shorinengappi": "2026-01-01", "sosashaid": CANARIES["kojinbango"],
    }  # fmt: skip
    status, answer = await town.post(
        "juki", "juki.shiensochi_tsuchi", message(town.edition, "juki.shiensochi_tsuchi", values)
    )
    assert (status, b"CB2053" in answer) == (500, True)
    assert leaks(answer, stream.getvalue()) == set()
    with closing(sqlite3.connect(town.folder / "var" / "journal.sqlite")) as journal:
        details = [row[0] for row in journal.execute("SELECT detail FROM event UNION SELECT detail FROM delivery")]
    assert any("CB2050" in detail for detail in details)
    assert leaks("\n".join(details).encode()) == set()
