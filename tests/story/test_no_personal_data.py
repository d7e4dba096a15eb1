"""A canary resident goes every way through the town, right and wrong; nothing but bodies and ledgers may know her.

She is synthetic like everybody here. What may hold her: the journal, the adapters' stores and the vendors' own files.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from uuid import uuid4

import pytest

from adapters.population.record import Record
from bus.core.datarules import check_digit_kojinbango
from schemas.catalog import load_edition
from tests.story.town import NOTICE, Town
from tests.support.polling import until
from tests.support.residents import RESIDENT, message

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NUMBER = "98765432109"
CANARY: Record = {
    "shimei": "鶯谷　金糸雀",
    "uji_nihonjin": "鶯谷",
    "na_nihonjin": "金糸雀",
    "shimei_furigana": "ウグイスダニ　カナリア",
    "uji_nihonjin_furigana": "ウグイスダニ",
    "na_nihonjin_furigana": "カナリア",
    "kojinbango": NUMBER + check_digit_kojinbango(NUMBER),
    "jusho_banchigohyoki": "８６４２番地の１３５７",
    "jusho_katagaki": "小鳥荘籠ノ間",
}
WORDS = (
    *("鶯谷", "金糸雀", "ウグイスダニ", "カナリア", "ｳｸﾞｲｽﾀﾞﾆ", "ｶﾅﾘｱ", "うぐいすだに", "かなりあ", "小鳥荘", "籠ノ間"),
    *("８６４２番地", CANARY["kojinbango"], NUMBER),
)
SPOILT = (
    ("性別", b"Z"),
    ("生年月日", b"5991399"),
    ("マイナンバー", NUMBER.encode() + b"0"),
    ("カナ氏名", "ｶﾅﾘｱ".encode("cp932") * 50),
    ("異動連番", b"9876X"),
    ("団体コード", b"131016"),
    ("住所方書", "小鳥荘".encode("cp932") + b"\xf9\xfc"),
    ("漢字氏名", "金糸雀".encode("cp932") + b"\x8d"),
    ("氏文字数", b"77"),
)
WRONG = (
    {"seibetsu": "金糸雀"},
    {"rirekibango": NUMBER},
    {"shimei": "金糸雀" * 40},
    {"kojinbango": NUMBER + "0"},
    {"jusho_yubinbango": "小鳥荘"},
    {"seinengappi": NUMBER},
)


def spoilt(town: Town, row: Record) -> Iterator[bytes]:
    """Her record with one defect after the other."""
    (line,) = town.lines([row])[1:-1]
    for item, data in SPOILT:
        column = town.column(item)
        yield line[: column.start] + data.ljust(column.width) + line[column.start + column.width :]
    yield line[:-9] + b"\r\n"
    yield line.decode("cp932").encode("utf-8")
    yield b"7" + line[1:]


def through_the_files(town: Town, her: Record, double: Record) -> None:
    """Notices of the register: a right one, every defect on her double's record, and a file cut in the middle of it."""
    good = town.file_name()
    town.drop(good, b"".join(town.lines([her])))
    town.settled(good)
    town.arrived([her])
    bad = town.file_name()
    lines = town.lines([double])
    town.drop(bad, lines[0] + b"".join(spoilt(town, double)) + lines[-1])
    assert town.settled(bad)["refused"] > 8
    cut = town.file_name()
    town.drop(cut, b"".join(lines)[:-9000])
    town.settled(cut)
    town.decide("a-juki", "F9FC", "U+2000B")
    until(lambda: town.deliveries("PARKED"), within_s=20, what="a notice to be parked")


def through_the_bus(town: Town, her: Record) -> list[str]:
    """Messages with her data in the wrong places; what the bus answered."""
    edition = load_edition()
    told = []
    for wrong in WRONG:
        values = {**RESIDENT, **CANARY, **wrong}
        told.append(str(town.post("juki", "juki", message(edition, NOTICE, values, f"urn:uuid:{uuid4()}"))))
    right = message(edition, NOTICE, {**RESIDENT, **CANARY}, f"urn:uuid:{uuid4()}")
    told.append(str(town.post("juki", "juki", right.replace("金糸雀</shimei>".encode(), "金糸雀</shime>".encode()))))
    told.append(str(town.post("juki", "juki", right.replace("金糸雀".encode(), "金糸雀".encode("cp932")))))
    told.append(str(town.post("kokuho", "juki", right)))
    inquiry = ["send", "--as", "tax", "juki.jumin_shokai", f"atenabango={NUMBER}0", "kijunbi=金糸雀"]
    told += [str(part) for part in town.cli(*inquiry)]
    return told


def through_inquiries(town: Town, her: Record) -> None:
    """Asked for by the tax system, in its own files; one question is nonsense."""
    questions = [{"宛名番号": her["atenabango"], "基準日": "R08.01.01"}, {"宛名番号": "金糸雀", "基準日": NUMBER}]
    name = town.hall.panel("a-tax", "/shokai", {"照会": questions})["answer"]
    until(lambda: town.hall.panel("a-tax", f"/kaito/{name}") is not None, within_s=20, what="the answers")


def through_the_switch(town: Town, her: Record) -> None:
    """To the new tax vendor by REST: her record in an extract, and one that its adapter must hold or park."""
    town.hall.change_line('adapter = "a-tax"', 'adapter = "b-tax"')
    town.hall.panel("a-juki", "/extract", {"kind": "full", "hold": False})
    until(lambda: town.hall.panel("b-tax", "/stats")["residents"] > 0, within_s=40, what="the new vendor's load")
    later = town.later(her)
    name = town.file_name()
    town.drop(name, b"".join(town.lines([later])))
    town.settled(name)
    number = her["atenabango"]

    def there() -> bool:
        return town.hall.panel("b-tax", "/versions").get(number) == later["rirekibango"]

    until(there, within_s=20, what="her notice at the new vendor")


def health_pages(town: Town) -> Iterator[tuple[str, str]]:
    """What everybody on the network may read."""
    for name in ("bus", "a-juki", "a-tax", "b-tax"):
        for page in ("live", "ready"):
            url = f"http://127.0.0.1:{town.hall.ports[name]}/health/{page}"
            with urllib.request.urlopen(url, timeout=10) as answer:
                yield url, answer.read().decode("utf-8")


def command_outputs(town: Town) -> Iterator[tuple[str, str]]:
    """What an operator sees."""
    parked = town.deliveries("PARKED")[0]["delivery_id"]
    commands = [
        ("messages", "list", "--limit", "500"),
        ("messages", "parked"),
        ("messages", "show", parked),
        ("messages", "trace", parked),
        ("adapter", "status", "--detail"),
        ("routes", "explain", "--from", "tax", "--operation", "juki.jumin_shokai"),
        ("check",),
    ]
    for command in commands:
        for form in ((), ("--json",)):
            _, out, err = town.cli(*command, *form)
            yield " ".join((*command, *form)), out + err


def readable_files(town: Town) -> Iterator[tuple[str, str]]:
    """Logs, run files, error lists: everything but journals, stores, secrets and the vendors' own files."""
    folders = (town.hall.work / "log", town.site / "var", town.out / "error")
    for path in (one for folder in folders for one in sorted(folder.rglob("*"))):
        if path.is_file() and ".sqlite" not in path.name and (path.parent != folders[2] or ".ERR.csv" in path.name):
            yield path.name, path.read_text("utf-8", "replace")


def test_nothing_but_bodies_and_ledgers_knows_the_canary(town: Town) -> None:
    """Her name, address and number are in no log, health page, fault, run file, error list or command's output."""
    her = town.fresh(1, **CANARY)[0]
    double = her
    while double["setaibango"] == her["setaibango"]:  # what is parked for one household must not stop the other
        double = town.fresh(1, **CANARY)[0]
    through_the_files(town, her, double)
    through_inquiries(town, her)
    told = through_the_bus(town, her)
    through_the_switch(town, her)
    texts = [("fault", text) for text in told]
    texts += [*health_pages(town), *command_outputs(town), *readable_files(town)]
    assert {"up.log", "processes.json"} <= {name for name, _ in texts}
    assert any(name.endswith(".ERR.csv") for name, _ in texts)
    assert "None" not in told, "a wrong message was taken"
    known = town.daicho()[her["atenabango"]]
    assert known["個人番号"] == CANARY["kojinbango"], "she never arrived: the test would prove nothing"
    found = {
        (name, word)
        for name, text in texts
        for word in WORDS
        for form in (word, json.dumps(word)[1:-1])
        if form in text
    }
    assert not found
