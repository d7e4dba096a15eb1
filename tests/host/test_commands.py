"""``adapter serve``, ``status`` and ``release`` as commands: what they print and how they end."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from bus.cli import run as chiikibus
from tests.host.place import Place, ido_file
from tests.host.test_file_to_bus import residents
from tests.support.polling import until_async


def run(*arguments: str | Path) -> tuple[int, str]:
    """Exit code of ``chiikibus adapter ...`` and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = chiikibus(["adapter", *(str(one) for one in arguments)])
    return code, out.getvalue() or err.getvalue()


async def test_status_counts_a_running_adapter_as_json_and_as_a_table(place: Place) -> None:
    """The same figures for machines and for people."""
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(residents(5)))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 5})
        code, text = run("status", "--site", place.folder, "--adapter", "a-juki", "--json", "--detail")
        plain_code, plain = run("status", "--site", place.folder, "--adapter", "a-juki")
    found = json.loads(text)
    assert (code, plain_code) == (0, 0)
    assert (found["adapter"], found["outbox"], found["held"], found["refused"]) == ("a-juki", {"sent": 5}, 0, 0)
    assert found["file_list"][0]["name"] == "IDO_0001.DAT"
    assert "a-juki" in plain


@pytest.mark.slow
async def test_release_lets_refused_messages_go_again(place: Place) -> None:
    """The cause is removed at the bus; the running adapter takes the row up."""
    rows = residents(3)
    place.bus.refusals = {rows[0]["atenabango"]: "CB2002"}
    async with place.running("a-juki"):
        place.drop("IDO_0001.DAT", ido_file(rows))
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 2, "refused": 1})
        place.bus.refusals = {}
        code, text = run("release", "--site", place.folder, "--adapter", "a-juki", "--code", "CB2002", "--json")
        assert (code, json.loads(text)) == (0, {"released": 1})
        await until_async(lambda: place.status("a-juki")["outbox"] == {"sent": 3})
    assert len(place.bus.taken) == 3


def test_a_wrong_site_is_exit_code_2(tmp_path: Path) -> None:
    """CB7002, as JSON and as text with what to do."""
    code, text = run("serve", "--site", tmp_path, "--adapter", "x", "--json")
    assert code == 2
    assert json.loads(text)["error"]["code"] == "CB7002"
    code, text = run("status", "--site", tmp_path, "--adapter", "x")
    assert code == 2
    assert "CB7002" in text


async def test_a_store_that_is_not_there_is_exit_code_3(place: Place) -> None:
    """The adapter never ran here."""
    place.write()
    code, text = run("status", "--site", place.folder, "--adapter", "a-juki", "--json")
    assert code == 3
    assert json.loads(text)["error"]["code"] == "CB6012"
