"""``conformance validate``: exit codes, JSON, and that the judge works where bus and adapters are missing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conformance.cli import app
from tests.conformance.cases import payload
from tests.support.repository import ROOT

SOAP = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def message(tmp_path: Path) -> Path:
    """A right notice in a SOAP envelope."""
    path = tmp_path / "ido.xml"
    path.write_text(SOAP.format(payload("ido", "").decode("utf-8")), encoding="utf-8")
    return path


def test_a_right_message_exits_with_0(message: Path) -> None:
    """The standard is kept, in an envelope or bare."""
    assert run("validate", str(message), "--unit", "juki")[0] == 0
    message.write_bytes(payload("ido", ""))
    assert run("validate", str(message), "--unit", "juki")[0] == 0


def test_a_wrong_message_exits_with_1_and_names_code_path_and_item(message: Path) -> None:
    """The JSON output carries code, path and Japanese name, and never the value."""
    message.write_bytes(payload("ido", "seibetsu=7;kojinbango=123456789019"))
    code, output = run("validate", str(message), "--unit", "juki", "--json")
    judged = json.loads(output)
    assert code == 1
    assert not judged["ok"]
    assert [(f["code"], f["path"], f["name_ja"]) for f in judged["findings"]] == [
        ("E0002", "ido_tsuchi/jumin/kojinbango", "個人番号"),
        ("E0002", "ido_tsuchi/jumin/seibetsu", "性別"),
    ]
    assert "123456789019" not in output


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "CB1005"),
        ("<?php echo ?><a/>", "CB1005"),
        ("<a>", "CB1004"),
        ("<a/>", "CB1013"),
        (SOAP.format(""), "CB1008"),
        (SOAP.format("<a/><b/>"), "CB1008"),
    ],
)
def test_what_is_no_message_gets_its_code(message: Path, text: str, code: str) -> None:
    """DOCTYPE, processing instruction, broken XML, unknown operation and a wrong Body are told apart."""
    message.write_text(text, encoding="utf-8")
    exit_code, output = run("validate", str(message), "--unit", "juki", "--json")
    assert exit_code == 1
    assert [finding["code"] for finding in json.loads(output)["findings"]] == [code]


def test_wrong_usage_exits_with_2(message: Path) -> None:
    """An unknown unit or a file that is not there is the caller's mistake."""
    code, output = run("validate", str(message), "--unit", "jukii")
    assert code == 2
    assert "nearest: juki" in output
    assert run("validate", str(message.parent / "none.xml"), "--unit", "juki")[0] == 2


def test_an_edition_that_cannot_be_read_exits_with_3(message: Path) -> None:
    """The environment, not the message, is at fault."""
    assert run("validate", str(message), "--unit", "juki", "--edition", "9.9")[0] == 3


def test_the_units_are_listed() -> None:
    """A newcomer sees which units and operations there are."""
    code, output = run("units", "--json")
    assert code == 0
    assert "jumin_shokai" in json.loads(output)["juki"]


def test_the_judge_works_alone(tmp_path: Path, message: Path) -> None:
    """With only schemas/ and conformance/ on the path, ``python -m conformance validate`` still judges."""
    for package in ("schemas", "conformance"):
        shutil.copytree(ROOT / package, tmp_path / "alone" / package, ignore=shutil.ignore_patterns("__pycache__"))
    probe = (
        "import sys, runpy; sys.path.insert(0, sys.argv[1]); sys.argv = ['conformance', *sys.argv[2:]]\n"
        "try:\n    runpy.run_module('conformance', run_name='__main__')\n"
        "finally:\n    print(sorted({name.partition('.')[0] for name in sys.modules} & {'bus', 'adapters'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(tmp_path / "alone"), "validate", str(message), "--unit", "juki"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
