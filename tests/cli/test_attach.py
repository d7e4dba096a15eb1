"""``chiikibus send --attach`` and what ``messages show`` says of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from lxml import etree

from bus.cli.attach import parse_attachments, with_files
from bus.core.errors import ConfigurationError
from bus.wire.attachments.references import INCLUDE
from schemas.catalog import load_edition
from tests.attachments.messages import ENVELOPE, read
from tests.cli.conftest import Cli
from tests.cli.test_messages import INQUIRY, rows
from tests.support.polling import until
from tests.support.residents import RESIDENT, message
from tests.support.sites import change
from tests.support.town import RunningTown


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two files; the name of one would tell something about a person."""
    first, second = tmp_path / "架空花子.csv", tmp_path / "b.bin"
    first.write_bytes("宛名番号,氏名\r\n".encode())
    second.write_bytes(bytes(range(256)))
    return first, second


def allow(town: RunningTown) -> None:
    """Its routes carry attachments from now on."""
    routes = town.folder / "routes.toml"
    change(routes, 'mode = "queued" }', 'mode = "queued", attachments = true, unfiltered = "試験" }')
    change(routes, "deadline_s = 2 }", 'deadline_s = 2, attachments = true, unfiltered = "試験" }')
    town.reload()


def test_files_are_sent_and_listed_but_never_shown(
    cli: Cli, town: RunningTown, tmp_path: Path, files: tuple[Path, Path]
) -> None:
    """The journal knows name, type, size and digest; the name of the file stays at home."""
    allow(town)
    notice = tmp_path / "notice.xml"
    notice.write_bytes(message(load_edition(), "juki.ido_tsuchi", RESIDENT))
    attached = [option for file in files for option in ("--attach", file)]
    sent = cli("send", "--site", town.folder, "--as", "juki", "--file", notice, *attached, "--json")
    assert sent.code == 0, sent.err + sent.out
    (row, *_) = until(lambda: rows(cli, town, "--operation", "juki.ido_tsuchi"), what="the delivery")
    shown = cli("messages", "show", "--site", town.folder, str(row["exchange_id"]), "--json")
    listed = shown.document["attachments"]
    assert [one["sha256"] for one in listed] == [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    assert [one["content_type"] for one in listed] == ["text/csv", "application/octet-stream"]
    person = cli("messages", "show", "--site", town.folder, str(row["exchange_id"]))
    assert "attachment-1@chiikibus" in person.out
    assert not any(word in shown.out + person.out for word in ("架空花子", "宛名番号,"))


def test_a_call_by_items_may_have_attachments(cli: Cli, town: RunningTown, files: tuple[Path, Path]) -> None:
    """The envelope is written by the served WSDL as without them."""
    allow(town)
    sent = cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "--attach", files[1], "--json")
    assert sent.code == 0, sent.err + sent.out
    assert sent.document["reply"]["jumin"]


def test_a_route_without_attachments_says_what_to_do(cli: Cli, town: RunningTown, files: tuple[Path, Path]) -> None:
    """Exit 1 with the code and the remedy."""
    sent = cli("send", "--site", town.folder, "--as", "tax", *INQUIRY, "--attach", files[1])
    assert sent.code == 1
    assert "CB1050" in sent.err
    assert "attachments = true" in sent.err


def test_an_element_may_be_given_a_file_as_its_content(files: tuple[Path, Path]) -> None:
    """MTOM: an xop:Include stands in the element, and reaches the part."""
    whole = with_files(ENVELOPE, parse_attachments([f"x={files[0]}"]))
    package, root = read(b"".join(whole), whole.content_type)
    (include,) = etree.fromstring(root).iter(INCLUDE)
    assert package.mtom
    assert include.get("href") == f"cid:{package.attachments[0].content_id}"


@pytest.mark.parametrize("texts", [["nothing.bin"], ["x=nothing.bin"], ["{0}", "x={1}"]])
def test_wrong_files_are_usage_errors(files: tuple[Path, Path], texts: list[str]) -> None:
    """No such file, or files of both kinds."""
    with pytest.raises(ConfigurationError) as refused:
        parse_attachments([text.format(*files) for text in texts])
    assert refused.value.code == "CB7030"


def test_an_element_that_is_not_there_is_a_usage_error(files: tuple[Path, Path]) -> None:
    """It must be there exactly once."""
    with pytest.raises(ConfigurationError) as refused:
        with_files(ENVELOPE, parse_attachments([f"y={files[0]}"]))
    assert refused.value.code == "CB7030"
