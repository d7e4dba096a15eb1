"""The commands of a running bus: send, messages, and what they say when there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bus.cli.messages import seconds_of
from bus.cli.send import parse_items
from bus.core.errors import ConfigurationError
from schemas.catalog import load_edition
from tests.cli.conftest import Cli
from tests.support.polling import until
from tests.support.providers import give_receipt
from tests.support.residents import ATENABANGO, RESIDENT, message
from tests.support.town import RunningTown

INQUIRY = ("juki.jumin_shokai", f"atenabango={ATENABANGO}", "kijunbi=2026-01-01")


def notice(cli: Cli, town: RunningTown, tmp_path: Path, **changes: str) -> dict[str, str]:
    """Send a 異動通知 from a file; the receipt."""
    file = tmp_path / "notice.xml"
    file.write_bytes(message(load_edition(), "juki.ido_tsuchi", {**RESIDENT, **changes}))
    found = cli("send", "--site", town.folder, "--as", "juki", "--file", file, "--json")
    assert found.code == 0, found.err
    receipt: dict[str, str] = found.document["reply"]
    return receipt


def rows(cli: Cli, town: RunningTown, *filters: str) -> list[dict[str, object]]:
    """``messages list``."""
    return cli("messages", "list", "--site", town.folder, "--json", *filters).lines


def parked(cli: Cli, town: RunningTown) -> list[dict[str, object]]:
    """Wait until the notice to tax is parked."""
    return until(lambda: rows(cli, town, "--state", "PARKED"), what="a parked delivery")


def test_an_inquiry_is_answered(cli: Cli, town: RunningTown) -> None:
    """zeep knows only the served WSDL; items by name, the reply with Japanese names."""
    found = cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "--json")
    assert found.code == 0, found.err
    assert found.document["reply"]["jumin"]["atenabango"] == ATENABANGO
    assert "宛名番号 atenabango" in cli("send", "--site", town.folder, "--as", "990019/tax", *INQUIRY).out


def test_a_refusal_is_shown_with_code_remedy_and_record(cli: Cli, town: RunningTown) -> None:
    """Exit 1; the fault's code, findings and record number."""
    found = cli("send", "--site", town.folder, "--as", "kokuho", *INQUIRY, "--json")
    assert (found.code, found.document["fault"]["code"]) == (1, "CB2002")
    assert len(found.document["fault"]["record_id"]) == 32
    person = cli("send", "--site", town.folder, "--as", "kokuho", *INQUIRY)
    assert person.code == 1
    assert "対処" in person.err


def test_a_wrong_value_is_found_by_the_bus(cli: Cli, town: RunningTown) -> None:
    """The item and the reason come back."""
    wrong = (INQUIRY[0], INQUIRY[1], "kijunbi=2026-13-01")
    fault = cli("send", "--site", town.folder, "--as", "tax", *wrong, "--json").document["fault"]
    assert fault["findings"][0]["path"].endswith("kijunbi")


def test_an_unknown_item_is_a_usage_error(cli: Cli, town: RunningTown) -> None:
    """The WSDL says which items there are."""
    assert cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "nandemo=1").code == 2


def test_repeated_sending_counts(cli: Cli, town: RunningTown) -> None:
    """Every call is a message of its own; the result holds times."""
    found = cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "--repeat", "5", "--json")
    assert found.code == 0
    assert (found.document["sent"], found.document["answered"], found.document["faults"]) == (5, 5, {})
    assert len(rows(cli, town)) == 5


def test_a_stopped_bus_is_an_environment_error(cli: Cli, folder: Path) -> None:
    """Exit 3 and CB9006; there is no journal to look at either."""
    found = cli("send", "--site", folder, "--as", "tax", *INQUIRY)
    assert found.code == 3
    assert "CB9006" in found.err
    looked = cli("messages", "list", "--site", folder)
    assert looked.code == 3
    assert "CB9005" in looked.err


def test_a_notice_is_found_shown_and_traced(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """By its receipt number, its delivery and its message id."""
    receipt = notice(cli, town, tmp_path)
    until(lambda: rows(cli, town, "--state", "DELIVERED"), what="the delivery to kokuho")
    parked(cli, town)
    number = receipt["uketsukebango"]
    for wanted in (number, f"{number}-1", receipt["messageid"]):
        shown = cli("messages", "show", "--site", town.folder, wanted, "--json").document
        assert (shown["exchange_id"], shown["operation"]) == (number, "juki.ido_tsuchi")
    assert {each["target"]: each["state"] for each in shown["deliveries"]} == {"tax": "PARKED", "kokuho": "DELIVERED"}
    events = cli("messages", "trace", "--site", town.folder, number, "--json").lines
    assert [event["state"] for event in events if event["target"] == "kokuho"][-1] == "DELIVERED"
    assert "提供側 provider" in cli("messages", "trace", "--site", town.folder, number).out
    assert "CB6004" in cli("messages", "show", "--site", town.folder, number).out


def test_no_command_shows_the_body(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """Looking at messages discloses nothing of their content."""
    number = notice(cli, town, tmp_path)["uketsukebango"]
    parked(cli, town)
    for arguments in (["list"], ["show", number], ["trace", number], ["parked"]):
        for form in ([], ["--json"]):
            text = cli("messages", *arguments, "--site", town.folder, *form).out
            assert RESIDENT["shimei"] not in text
            assert ATENABANGO not in text


def test_parked_messages_are_grouped_by_cause_and_resent(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """Preview, then do; doing it twice does nothing twice."""
    notice(cli, town, tmp_path, atenabango="000000000000034", setaibango="000000000000042")
    (row,) = parked(cli, town)
    groups = cli("messages", "parked", "--site", town.folder, "--json").document
    assert groups["parked"] == 1
    assert (groups["groups"][0]["code"], groups["groups"][0]["target"]) == ("CB6004", "tax")
    assert groups["groups"][0]["action_ja"]
    town.tax.behaviour = give_receipt(load_edition(), "juki.ido_tsuchi")
    preview = cli("messages", "resend", "--site", town.folder, "--target", "tax", "--json").document
    assert (preview["preview"], preview["deliveries"]) == (True, [row["delivery_id"]])
    assert len(rows(cli, town, "--state", "PARKED")) == 1
    done = cli("messages", "resend", "--site", town.folder, "--target", "tax", "--yes", "--json")
    assert (done.code, done.document["done"]) == (0, 1)
    until(lambda: len(rows(cli, town, "--state", "DELIVERED")) == 2, what="the resend")
    again = cli("messages", "resend", "--site", town.folder, str(row["delivery_id"]), "--yes", "--json")
    assert (again.code, again.document["refused"]) == (1, 1)


def test_a_parked_message_is_cancelled(cli: Cli, town: RunningTown, tmp_path: Path) -> None:
    """The record says that an operator did it."""
    notice(cli, town, tmp_path)
    (row,) = parked(cli, town)
    delivery = str(row["delivery_id"])
    assert cli("messages", "cancel", "--site", town.folder, delivery, "--json").document["preview"]
    assert cli("messages", "cancel", "--site", town.folder, delivery, "--yes").code == 0
    events = cli("messages", "trace", "--site", town.folder, delivery, "--json").lines
    assert (events[-1]["state"], events[-1]["code"]) == ("CANCELLED", "CB5009")
    assert str(events[-1]["actor"]).startswith("cli:")


def test_pages_continue_where_the_last_ended(cli: Cli, town: RunningTown) -> None:
    """Keyset paging, newest first."""
    cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "--repeat", "5", "--json")
    first = rows(cli, town, "--limit", "3")
    second = rows(cli, town, "--limit", "3", "--before", str(first[-1]["delivery_id"]))
    assert len({row["delivery_id"] for row in first + second}) == 5


@pytest.mark.parametrize(
    "arguments",
    [["list", "--state", "LOST"], ["list", "--since", "yesterday"], ["show", "nothing"], ["resend"]],
)
def test_wrong_questions_are_usage_errors(cli: Cli, town: RunningTown, arguments: list[str]) -> None:
    """Never an empty list for a wrong question."""
    cli("send", "--site", town.folder, "--as", "tax", *INQUIRY)
    assert cli("messages", *arguments, "--site", town.folder).code == 2


def test_items_may_be_nested() -> None:
    """A record's items are written with a dot."""
    assert parse_items(["jumin.shimei=架空", "jumin.x=a=b", "y="]) == {"jumin": {"shimei": "架空", "x": "a=b"}, "y": ""}
    with pytest.raises(ConfigurationError):
        parse_items(["no value"])


def test_times_are_local_unless_they_say_otherwise() -> None:
    """ISO 8601."""
    assert seconds_of("1970-01-01T00:00:10+00:00") == 10.0
    assert seconds_of("") == 0.0


def test_the_output_is_json_lines_and_nothing_else(cli: Cli, town: RunningTown) -> None:
    """Every line of a list parses by itself."""
    cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "--repeat", "2")
    for text in cli("messages", "list", "--site", town.folder, "--json").out.splitlines():
        assert json.loads(text)["operation"] == "juki.jumin_shokai"
