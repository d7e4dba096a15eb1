"""An operator's way through the console in a real browser, and the command that serves it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bus.cli import run
from bus.console.passwords import matches
from tests.console.room import CANARY, PASSWORD, Room
from tests.support.processes import running

pytestmark = [pytest.mark.slow, pytest.mark.system]

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
    "--lang=ja",
)
PICTURES = "CHIIKIBUS_PICTURES"
"""A folder that takes a picture of every page; without it none is kept."""


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Chromium without a window, with an empty profile."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.implicitly_wait(10)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def served(room: Room, tmp_path: Path) -> Iterator[str]:
    """The address of ``chiikibus console serve`` over the room's journal."""
    log = tmp_path / "console.log"
    command = [sys.executable, "-m", "bus.cli", "console", "serve", "--site", str(room.folder), "--json"]

    def address() -> str:
        found = [line for line in log.read_text("utf-8").splitlines() if '"ready"' in line]
        return str(json.loads(found[0])["url"]) if found else ""

    with running(command, log=log, ready=address, within_s=60.0):
        yield address()


def picture(browser: webdriver.Chrome, name: str) -> None:
    """Keep what is seen, where somebody wants it."""
    folder = os.environ.get(PICTURES)
    if folder:
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


async def test_an_operator_finds_why_something_did_not_arrive(
    room: Room, served: str, browser: webdriver.Chrome
) -> None:
    """Sign in, see what is parked, read the cause, open one, look at its content for a reason; in two languages."""
    browser.get(served)
    picture(browser, "sign-in")
    browser.find_element(By.NAME, "name").send_keys("all")
    browser.find_element(By.NAME, "password").send_keys("wrong", Keys.ENTER)
    assert "CB8002" in browser.find_element(By.TAG_NAME, "h1").text
    browser.get(served)
    browser.find_element(By.NAME, "name").send_keys("all")
    browser.find_element(By.NAME, "password").send_keys(PASSWORD, Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, ".tiles .bad b").text == "2"
    picture(browser, "overview")
    browser.find_element(By.CSS_SELECTOR, ".tiles .bad a").click()
    causes = browser.find_elements(By.CSS_SELECTOR, ".cause")
    assert len(causes) == 2
    picture(browser, "parked")
    causes[0].find_element(By.PARTIAL_LINK_TEXT, "一件ずつ").click()
    picture(browser, "messages")
    browser.find_element(By.CSS_SELECTOR, "tbody a").click()
    assert browser.find_element(By.CSS_SELECTOR, ".remedy").text
    picture(browser, "exchange")
    browser.find_element(By.NAME, "reason").send_keys("市民からの照会（架空）", Keys.ENTER)
    assert browser.find_element(By.CSS_SELECTOR, "button.danger").is_displayed()
    assert CANARY not in browser.page_source
    picture(browser, "body-masked")
    browser.find_element(By.CSS_SELECTOR, "button.danger").click()
    assert CANARY in browser.find_element(By.TAG_NAME, "main").text
    picture(browser, "body-plain")
    browser.find_element(By.LINK_TEXT, "監査").click()
    actions = [
        row.find_elements(By.TAG_NAME, "td")[2].text for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    ]
    assert actions == ["body.plain", "body.masked", "sign-in", "sign-in.refused"]
    picture(browser, "audit")
    browser.find_element(By.CSS_SELECTOR, ".who form[action='/language'] button").click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "Audit"
    browser.find_element(By.LINK_TEXT, "Now").click()
    picture(browser, "overview-en")
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert [text for text in complaints if "/sign-in" not in text or "401" not in text] == []
    browser.find_element(By.CSS_SELECTOR, ".who form[action='/sign-out'] button").click()
    browser.find_element(By.NAME, "password")


def test_a_password_line_is_made_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line is for console.toml; a short one is refused with CB7030."""
    monkeypatch.setattr("sys.stdin", StringIO(f"{PASSWORD}\n"))
    assert run(["console", "password", "--stdin"]) == 0
    told = capsys.readouterr()
    line = (told.out + told.err).strip()
    assert line.startswith('password = "scrypt:')
    assert matches(PASSWORD, line.split('"')[1])
    monkeypatch.setattr("sys.stdin", StringIO("short\n"))
    assert run(["console", "password", "--stdin"]) == 2
