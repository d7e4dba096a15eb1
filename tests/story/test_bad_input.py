"""Bad input on real processes: a coded error that names the place, the rest goes on, and everything is counted.

The cases of files stand in ``corpus/bad_files.csv`` and those of messages in ``corpus/bad_messages.toml``.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from adapters.simulators.a_juki_files import SABUN
from bus.core.errors import error_entry
from bus.core.types import Addressing, Context
from bus.wire import envelope, records
from schemas.catalog import load_edition
from tests.story.town import NOTICE, Row, Town
from tests.support.polling import until
from tests.support.residents import RESIDENT, message

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

CORPUS = Path(__file__).parent / "corpus"
PLACE = ("file", "record", "item", "byte")


def bad_files() -> list[Row]:
    """The cases of files."""
    with (CORPUS / "bad_files.csv").open(encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))


def spoilt(town: Town, lines: list[bytes], case: Mapping[str, str]) -> bytes:
    """A file with the case's defect. ``value`` is hexadecimal, with ``*n`` for repetition."""
    number = int(case["record"] or 0)
    line = lines[number]
    match case["edit"]:
        case "cut":
            return b"".join(lines[:number]) + line[: int(case["value"])]
        case "count":
            lines[-1] = lines[-1][:1] + case["value"].encode("ascii") + lines[-1][1 + len(case["value"]) :]
        case "drop-trailer":
            lines.pop()
        case "drop-header":
            lines.pop(0)
        case "empty":
            lines.clear()
        case "utf8":
            lines[number] = line.decode("cp932").encode("utf-8")
        case "longer":
            lines[number] = line[:-2] + b" \r\n"
        case "shorter":
            lines[number] = line[:-3] + b"\r\n"
        case "bytes":
            digits, _, times = case["value"].partition("*")
            lines[number] = with_bytes(town, line, case["item"], bytes.fromhex(digits) * int(times or 1))
        case other:
            raise AssertionError(other)
    return b"".join(lines)


def with_bytes(town: Town, line: bytes, item: str, data: bytes) -> bytes:
    """A record with other bytes in one item, filled up with spaces."""
    column = town.column(item)
    assert len(data) <= column.width
    return line[: column.start] + data.ljust(column.width) + line[column.start + column.width :]


def expected_byte(town: Town, lines: list[bytes], case: Mapping[str, str]) -> int | None:
    """The byte offset in the file at which the defect stands."""
    start = sum(map(len, lines[: int(case["record"] or 0)]))
    match case["at"]:
        case "item":
            return start + town.column(case["item"]).start
        case "record":
            return start
        case "start":
            return 0
        case "trailer":
            return sum(map(len, lines[:-1]))
        case _:
            return None


@pytest.mark.parametrize("case", bad_files(), ids=lambda case: case["name"])
def test_a_defect_in_a_file_is_named_with_its_place_and_the_rest_goes_on(town: Town, case: Row) -> None:
    """Code, item, record and byte in the error list, in both languages; sent + held + refused = records; all arrive."""
    rows = town.fresh(6)
    lines = town.lines(rows)
    position = expected_byte(town, lines, case)
    before = town.journal()
    name = town.file_name()
    town.drop(name, spoilt(town, list(lines), case))
    books = town.settled(name)
    assert {key: str(books[key]) for key in ("state", "sent", "held", "refused")} == {
        key: case[key] for key in ("state", "sent", "held", "refused")
    }
    assert books["records"] == books["sent"] + books["held"] + books["refused"]
    assert books["code"] == (case["code"] if case["state"] == "error" else "")
    town.gone(name)
    assert (town.out / case["state"] / name).exists()
    (told,) = town.errors(name)
    entry = error_entry(case["code"])
    assert (told["コード"], told["理由"], told["対処"]) == (entry.code, entry.title_ja, entry.action_ja)
    assert (told["reason"], told["remedy"]) == (entry.title_en, entry.action_en)
    assert told["レコード番号"] == (case["record"] if case["state"] == "done" else "")
    assert f"file={name}" in told["位置"]
    if case["listed"]:
        assert case["listed"] in told["項目名"] + told["位置"]
    if position is not None:
        assert f"byte={position}+" in told["位置"]
    sound = [row for number, row in enumerate(rows[: int(case["sent"]) + 1], 1) if str(number) != case["record"]]
    town.arrived(sound[: int(case["sent"])])
    town.quiet()
    assert (town.journal() - before).total() == int(case["sent"])


def extract(town: Town, rows: list[Row]) -> list[bytes]:
    """A difference extract by lines; the second record has an unknown code, the third an unregistered gaiji."""
    lines = town.lines(rows, SABUN)
    lines[2] = with_bytes(town, lines[2], "性別", b"Z")
    lines[3] = with_bytes(town, lines[3], "住所方書", bytes.fromhex("F9FA"))
    return lines


def test_a_defect_in_an_extract_is_counted_and_both_sides_agree_on_the_rest(town: Town) -> None:
    """Three of five records are transferred and confirmed; the held one follows as a transfer of its own."""
    rows = town.fresh(5)
    name = town.file_name("SABUN")
    town.drop(name, b"".join(extract(town, rows)))
    books = town.settled(name)
    assert (books["records"], books["sent"], books["held"], books["refused"]) == (5, 3, 1, 1)
    town.arrived([rows[0], rows[3], rows[4]])
    town.decide("a-juki", "F9FA", "U+698A U+E0100")
    town.arrived([rows[2]])
    until(lambda: {one["state"] for one in town.status()["bulk"]} == {"agreed"}, within_s=20, what="confirmations")
    assert (town.settled(name)["sent"], town.settled(name)["held"]) == (4, 0)


def test_a_truncated_extract_sends_nothing_now_or_later(town: Town) -> None:
    """All its whole records count as refused; a decision about its gaiji lets nothing of it go."""
    name = town.file_name("SABUN")
    lines = extract(town, town.fresh(5))
    lines[3] = with_bytes(town, lines[3], "住所方書", bytes.fromhex("F9F9"))
    before = town.journal("juki.ikkatsu_soshin")
    town.drop(name, b"".join(lines[:5]) + lines[5][:100])
    books = town.settled(name)
    town.gone(name)
    assert (books["state"], books["code"]) == ("error", "CB6001")
    assert (books["records"], books["sent"], books["held"], books["refused"]) == (4, 0, 0, 4)
    assert {row["コード"] for row in town.errors(name)} == {"CB6001", "CB6004", "CB6003"}
    town.decide("a-juki", "F9F9", "U+698A U+E0100")
    until(lambda: "F9F9" not in town.open_characters("a-juki"), within_s=20, what="the register to be read")
    assert town.journal("juki.ikkatsu_soshin") == before


def test_files_of_the_same_name_are_both_taken_and_keep_their_own_error_lists(town: Town) -> None:
    """A second file under a used name is another file: its records go on and nothing of the first is overwritten."""
    name = town.file_name()
    digests = []
    for item in ("性別", "生年月日"):
        rows = town.fresh(3)
        lines = town.lines(rows)
        lines[2] = with_bytes(town, lines[2], item, b"Z")
        data = b"".join(lines)
        digests.append(sha256(data).hexdigest())
        town.drop(name, data)
        books = town.settled(name, digests[-1])
        town.gone(name)
        assert (books["sent"], books["refused"]) == (2, 1)
        town.arrived([rows[0], rows[2]])
    assert {path.name for path in (town.out / "done").glob(f"{name}*")} == {name, f"{name}.2"}
    assert "性別" in town.errors(name)[0]["位置"]
    assert "生年月日" in town.errors(f"{name}.2")[0]["位置"]


def test_the_same_bytes_under_another_name_send_nothing_again(town: Town) -> None:
    """A file that the vendor hands over twice is known by its content."""
    rows = town.fresh(4)
    data = b"".join(town.lines(rows))
    first, second = town.file_name(), town.file_name()
    town.drop(first, data)
    town.settled(first)
    town.arrived(rows)
    before = town.journal()
    town.drop(second, data)
    town.gone(second)
    town.quiet()
    assert town.journal() == before


def test_the_counts_of_all_files_agree_with_the_journal(town: Town) -> None:
    """sent + held + refused = records of every file; what was sent is in the journal; the command shows the same."""
    name = town.file_name()
    lines = town.lines(town.fresh(5))
    lines[4] = with_bytes(town, lines[4], "性別", b"Z")
    town.drop(name, b"".join(lines))
    town.settled(name)
    town.quiet()
    status = town.json("adapter", "status", "--adapter", "a-juki", "--detail")
    notices = {one["source"]: one for one in status["file_list"] if one["flow"] == "ido"}
    assert all(one["records"] == one["sent"] + one["held"] + one["refused"] for one in notices.values())
    journal = town.journal()
    assert sum(one["sent"] for one in notices.values()) == journal.total() - journal["REJECTED"]
    for verdict in ("held", "refused"):
        listed = [one for one in status[f"{verdict}_list"] if one["flow"] == "ido"]
        assert sum(one[verdict] for one in notices.values()) == len(listed)
    code, out, _ = town.cli("adapter", "status", "--adapter", "a-juki")
    assert code == 0
    assert "保留" in out


def test_an_unknown_gaiji_holds_its_records_until_it_is_decided(town: Town) -> None:
    """Held with one worklist row per code; the decision lets them go by themselves, in order, with no other character.

    The receiving vendor cannot write one of the characters either: its notice is parked with the cause, the
    later one of the same resident waits behind it, and both arrive in order after the decision and a resend.
    """
    first, second, other, sound = town.fresh(4)
    later = town.later(second)
    lines = town.lines([first, second, later, other, sound])
    for number, code in ((2, "F9FC"), (3, "F9FC"), (4, "F9FB")):
        lines[number] = with_bytes(town, lines[number], "住所方書", bytes.fromhex(code) + "荘１号".encode("cp932"))
    name = town.file_name()
    town.drop(name, b"".join(lines))
    books = town.settled(name)
    town.gone(name)
    assert (books["records"], books["sent"], books["held"], books["refused"]) == (5, 2, 3, 0)
    assert [(row["状態"], row["コード"], row["レコード番号"]) for row in town.errors(name)] == [
        ("保留", "CB6003", number) for number in ("2", "3", "4")
    ]
    assert town.open_characters("a-juki") == {"F9FC": 2, "F9FB": 1}
    town.arrived([first, sound])

    town.decide("a-juki", "F9FC", "U+2000B")
    until(lambda: town.settled(name)["held"] == 1, within_s=15, what="the held records to go on")
    assert town.open_characters("a-juki") == {"F9FB": 1}
    assert [row["レコード番号"] for row in town.errors(name)] == ["4"]
    parked = until(lambda: town.deliveries("PARKED"), within_s=15, what="the notice to be parked")
    assert [(one["target"], one["code"]) for one in parked] == [("tax", "CB6007")]
    (finding,) = [one for one in parked[0]["findings"] if one["code"] == "CB6007" and one.get("name_ja")]
    assert (finding["code"], finding["got"].split()[0]) == ("CB6007", "U+2000B")
    assert (finding["name_ja"], finding["place"]) == ("住所_方書", "item=方書")
    (group,) = town.json("messages", "parked")["groups"]
    assert (group["count"], group["code"], group["action_en"]) == (1, "CB6007", error_entry("CB6007").action_en)

    job = str(town.json("resend", "plan", "--code", "CB6007", "--reason", "試験")["number"])
    (tried,) = town.json_lines("resend", "try", job)
    assert (tried["adapter"], tried["same"], tried["code"]) == ("CB6007", True, ""), "it would be parked again"
    town.decide("a-tax", "F9F0", "U+2000B")
    taken = lambda: town.json_lines("resend", "try", job)[0]["adapter"] == "taken"  # noqa: E731 (shorter than a function)
    until(taken, within_s=40, what="the adapter to take it")

    def again() -> bool:
        """Until the adapter has read the decision, what is sent again is parked again."""
        town.resend("CB6007")
        return int(town.ledger().get(later["atenabango"], "0")) >= int(later["rirekibango"])

    until(again, within_s=40, what="the resend")
    town.quiet()
    in_order = [one for one in town.deliveries() if one["received_at"] >= parked[0]["received_at"]]
    delivered = sorted(in_order, key=lambda one: one["response_out"] or one["updated_at"])
    assert [one["delivery_id"] for one in delivered] == [one["delivery_id"] for one in in_order]
    written = town.daicho()[second["atenabango"]]
    assert written["履歴番号"] == later["rirekibango"]
    assert written["方書"] == bytes.fromhex("F9F0").decode("cp932") + "荘１号"

    town.decide("a-juki", "F9FB", "U+20BB7")
    town.arrived([other])
    assert town.open_characters("a-juki") == {}
    assert town.settled(name)["sent"] == 5
    assert town.errors(name) == []


def test_a_code_that_the_receiving_vendor_does_not_know_is_parked_until_its_table_is_mended(town: Town) -> None:
    """Parked with CB6004 and the item; with the table mended and the adapter started anew, a resend delivers."""
    table = town.site / "definition" / "a-tax" / "codes" / "shiensochi.csv"
    whole = table.read_text("utf-8")
    table.write_text("".join(row for row in whole.splitlines(keepends=True) if ",2," not in row), encoding="utf-8")
    town.restart("a-tax")
    strange, sound = town.fresh(1, shiensochi_kubun="2")[0], town.fresh(1)[0]
    name = town.file_name()
    town.drop(name, b"".join(town.lines([strange, sound])))
    assert town.settled(name)["sent"] == 2
    town.arrived([sound])
    parked = until(lambda: town.deliveries("PARKED"), within_s=15, what="the notice to be parked")
    assert [(one["target"], one["code"]) for one in parked] == [("tax", "CB6004")]
    own = [one for one in parked[0]["findings"] if one["code"] == "CB6004"]
    assert [one["name_ja"] for one in own if "name_ja" in one] == ["支援措置区分"]
    code, out, _ = town.cli("messages", "show", parked[0]["delivery_id"])
    assert code == 0
    assert "CB6004" in out
    assert "支援措置区分" in out
    table.write_text(whole, encoding="utf-8")
    town.restart("a-tax")
    until(lambda: town.resend("CB6004") == [] and not town.deliveries("PARKED"), within_s=20, what="the resend")
    town.arrived([strange])


def bad_messages() -> list[dict[str, Any]]:
    """The cases of messages."""
    cases: list[dict[str, Any]] = tomllib.loads((CORPUS / "bad_messages.toml").read_text("utf-8"))["case"]
    return cases


def right_message(base: str) -> tuple[str, str]:
    """A right message as text in the prefixes that the corpus uses, and who sends it."""
    edition = load_edition()
    if base == "notice":
        return message(edition, NOTICE, RESIDENT, f"urn:uuid:{uuid4()}").decode("utf-8"), "juki"
    operation = edition.operation("juki.jumin_shokai")
    assert operation is not None
    body = records.payload(
        operation.input,
        edition.units["juki"].records[operation.request_record],
        {"atenabango": RESIDENT["atenabango"], "kijunbi": "2026-01-01"},
    )
    context = Context(
        sender_municipality="990019",
        sender_unit="kojinjuminzei",
        sender_system="tax",
        receiver_municipality="990019",
        operation="jumin_shokai",
        edition="1.0",
        purpose="kazei",
    )
    addressing = Addressing(message_id=f"urn:uuid:{uuid4()}", action=operation.action)
    return envelope.build(body, addressing=addressing, context=context).decode("utf-8"), "tax"


@pytest.mark.parametrize("case", bad_messages(), ids=lambda case: case["name"])
def test_a_bad_message_is_refused_with_its_place_and_never_sent_on(town: Town, case: dict[str, Any]) -> None:
    """A code in both languages, findings with the place, the HTTP status of its kind; nothing reaches a receiver."""
    text, sender = right_message(case["base"])
    for old, new in case.get("edit", ()):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    before = town.journal(sender=sender)
    body = text.encode(case.get("encoding", "utf-8")) + b" " * case.get("padding", 0)
    refusal = town.post(
        case.get("as", sender),
        "juki",
        body,
        path=case.get("path", ""),
        secret=case.get("secret", ""),
        content_type=case.get("content_type", ""),
    )
    assert refusal is not None
    assert (refusal.code, refusal.status) == (case["code"], case.get("status", 500))
    entry = error_entry(case["code"])
    assert entry.title_ja in refusal.text
    assert entry.title_en in refusal.text
    if "named" in case:
        assert any(case["named"] in str(value) for one in refusal.findings for value in one.values()), refusal.findings
    if case.get("line"):
        assert any(one.get("line", 0) > 0 for one in refusal.findings), refusal.findings
    moved = town.journal(sender=sender) - before
    assert set(moved) <= {"REJECTED"}
    if case.get("kept"):
        (kept,) = town.json_lines("messages", "show", refusal.record_id)
        assert (kept["state"], kept["code"]) == ("REJECTED", case["code"])
    for word in ("架空　花子", RESIDENT["atenabango"]):
        assert word not in str(refusal)
