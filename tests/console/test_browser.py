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
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By

from bus.cli import run
from bus.console.passwords import matches
from tests.console.room import CANARY, PASSWORD, Room
from tests.support.polling import until
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


class Operator:
    """Somebody at the browser: acts, then waits for the page that this leads to."""

    def __init__(self, browser: webdriver.Chrome) -> None:
        self.browser = browser

    def text(self, css: str, holds: str = "") -> str:
        """The text of an element, as soon as there is one that holds this."""

        def found() -> str:
            try:
                texts = [each.text for each in self.browser.find_elements(By.CSS_SELECTOR, css)]
            except StaleElementReferenceException:
                return ""
            return next((text for text in texts if text and holds in text), "")

        return until(found, within_s=30, what=f"{css} with {holds}")

    def type(self, name: str, text: str) -> None:
        """Write into a field."""
        self.browser.find_element(By.NAME, name).send_keys(text)

    def press(self, css: str, leads_to: str, holds: str = "") -> str:
        """Press or follow, and the heading of the page that then comes."""
        before = self.browser.find_element(By.TAG_NAME, "html")
        self.browser.find_element(By.CSS_SELECTOR, css).click()

        def left() -> bool:
            try:
                return before.id != self.browser.find_element(By.TAG_NAME, "html").id
            except (StaleElementReferenceException, NoSuchElementException):
                return False

        until(left, within_s=30, what=f"{css} to lead on")
        until(lambda: leads_to in self.browser.current_url, within_s=30, what=leads_to)
        return self.text("h1", holds)


async def test_an_operator_finds_why_something_did_not_arrive(
    room: Room, served: str, browser: webdriver.Chrome
) -> None:
    """Sign in, see what is parked, read the cause, look at content for a reason, resend; in two languages."""
    operator = Operator(browser)
    browser.get(served)
    picture(browser, "sign-in")
    operator.type("name", "all")
    operator.type("password", "wrong")
    operator.press(".door button", "/sign-in", "CB8002")
    browser.get(served)
    operator.type("name", "all")
    operator.type("password", PASSWORD)
    operator.press(".door button", "/", "状況")
    assert operator.text(".tiles .bad b") == "2"
    picture(browser, "overview")
    operator.press("nav a[href='/flows']", "/flows", "流れ")
    picture(browser, "flows")
    operator.press("nav a[href='/']", "/", "状況")
    operator.press(".tiles .bad a", "/parked", "保留 2")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".cause")) == 2
    picture(browser, "parked")
    operator.press(".cause a[href*='state=PARKED']", "/messages?", "検索")
    picture(browser, "messages")
    operator.press("tbody a", "/messages/", "連携")
    assert operator.text(".remedy")
    picture(browser, "exchange")
    operator.type("reason", "原因を取り除いた（架空）")
    browser.find_element(By.CSS_SELECTOR, "form[action$='/body'] input[name=reason]").send_keys(
        "市民からの照会（架空）"
    )
    operator.press("form[action$='/body'] button", "/body", "本文")
    assert CANARY not in browser.page_source
    picture(browser, "body-masked")
    operator.press("button.danger", "/body", "本文")
    assert CANARY in operator.text("main", CANARY)
    picture(browser, "body-plain")
    operator.press("nav a[href='/parked']", "/parked", "保留")
    operator.type("reason", "原因を取り除いた（架空）")
    operator.press(".cause form button", "/jobs/", "計画済み")
    picture(browser, "job")
    operator.press(".acts form[action$='/start'] button", "/jobs/", "実行中")
    operator.press("nav a[href='/audit']", "/audit", "監査")
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    actions = [row.find_elements(By.TAG_NAME, "td")[2].text for row in rows]
    assert actions == ["resend.start", "resend.plan", "body.plain", "body.masked", "sign-in", "sign-in.refused"]
    picture(browser, "audit")
    operator.press(".who form[action='/language'] button", "/audit", "Audit")
    operator.press("nav a[href='/']", "/", "The situation now")
    picture(browser, "overview-en")
    complaints = [entry["message"] for entry in browser.get_log("browser")]
    assert [text for text in complaints if "/sign-in" not in text or "401" not in text] == []
    operator.press(".who form[action='/sign-out'] button", "/sign-in")


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
