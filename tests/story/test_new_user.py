"""What the README tells a new user to try works on a running town, as text and as JSON."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.story.town import TOWN, Town, with_site
from tests.support.repository import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LOCK_IN = {"漢字氏名": ("91 8D 96 B1 E3 C4 8E 71", "U+7DCF U+52D9 U+7FD4 U+5B50"), "氏文字数": ("32", "U+0032")}


def shown() -> Iterator[list[str]]:
    """The commands below "Try it", without the program's name."""
    text = (ROOT / "README.md").read_text("utf-8")
    (block,) = re.findall(r"```sh\n(.*?)```", text[text.index("## Try it") :], re.DOTALL)
    for line in block.splitlines():
        if line.startswith("chiikibus "):
            yield shlex.split(line)[1:]


@pytest.mark.parametrize("command", list(shown()), ids=" ".join)
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_a_command_of_the_readme_works(town: Town, command: list[str], form: list[str]) -> None:
    """Exit code 0, something to read, nothing on standard error; with --json every line is a document."""
    done = subprocess.run(
        [sys.executable, "-m", "bus.cli", *command, *form],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env=with_site(town.site),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip()
    if form:
        assert [json.loads(line) for line in done.stdout.splitlines()]


def test_explain_leads_from_the_name_to_file_record_bytes_and_code_points(town: Town) -> None:
    """The lock-in example: 氏名 of the standard, joined from two items of vendor A's file."""
    name = town.hall.panel("a-juki", "/extract", {"kind": "full", "hold": True})["file"]
    file = town.site / "sim" / "a-juki" / "hold" / name
    done = subprocess.run(
        [sys.executable, "-m", "bus.cli", "adapter", "explain", str(file), "-r", "1", "-i", "shimei", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    told = json.loads(done.stdout)
    assert (told["origin"]["file"], told["origin"]["record"]) == (name, 1)
    (item,) = told["items"]
    assert (item["value"], item["conversion"]) == ("総務　翔子", "name_join")
    raw = file.read_bytes()
    for source in item["sources"]:
        octets, points = LOCK_IN[source["item"]]
        assert source["code_points"] == points
        assert raw[source["byte"] : source["byte"] + source["bytes"]] == bytes.fromhex(source["raw"])
        assert bytes.fromhex(source["raw"]).rstrip(b" ") == bytes.fromhex(octets)


def test_the_registered_resident_of_the_readme_is_found(town: Town) -> None:
    """The number that the README asks for is in every town, and what a right withholds is not shown."""
    command = ("juki.jumin_shokai", "atenabango=000000000001015", "kijunbi=2026-01-01")
    reply = town.json("send", "--as", "tax", *command)["reply"]
    assert reply["jumin"]["shimei"] == "総務　翔子"
    assert reply["jumin"]["shikuchosonkodo"] == TOWN
    assert "juminhyokodo" not in reply["jumin"]


def test_an_inquiry_that_is_answered_later_says_so(town: Town) -> None:
    """Accepted is not the same as nothing found."""
    command = (
        "send",
        "--as",
        "kokuho",
        "kojinjuminzei.shotoku_shokai",
        "atenabango=000000000001015",
        "kazeinendo=2025",
    )
    told = town.json(*command)
    assert (told["ok"], told["late"], told["reply"]) == (True, True, None)
    _, out, _ = town.cli(*command)
    assert "後日" in out


def test_operators_can_follow_and_stop_a_message(town: Town) -> None:
    """list, show and trace by every kind of id; cancel refuses what has arrived, with its code and exit code 1."""
    town.drop(town.file_name(), b"".join(town.lines(rows := town.fresh(2))))
    town.arrived(rows)
    town.quiet()
    delivery = town.deliveries()[-1]
    for number in (delivery["exchange_id"], delivery["delivery_id"], delivery["message_id"]):
        assert town.json("messages", "show", number)["exchange_id"] == delivery["exchange_id"]
        states = [event["state"] for event in town.json_lines("messages", "trace", number)]
        assert (states[0], states[-1]) == ("ACCEPTED", "DELIVERED")
    code, out, _ = town.cli("messages", "cancel", delivery["delivery_id"], "--yes")
    assert code == 1
    assert "CB4004" in out
    assert town.cli("messages", "resend", delivery["delivery_id"])[0] == 0
    assert town.cli("messages", "show", "nothing")[0] == 2
    wrong = ("juki.jumin_shokai", "atenabango=000000000001015", "kijunbi=2026-13-45")
    assert town.json("send", "--as", "tax", *wrong, "--repeat", "3")["faults"] == {"E0002": 3}
