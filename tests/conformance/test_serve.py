"""The local page of the suite: who may reach it, what it answers, and a user's way through it in a real browser."""

from __future__ import annotations

import http.client
import json
import os
import threading
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from conformance.serve.server import LocalServer
from conformance.standard import load_standard
from tests.support.polling import until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
PICTURES = "CHIIKIBUS_PICTURES"
"""A folder that takes a picture of the page; without it none is kept."""


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    """The page on a free port."""
    with LocalServer(0, load_standard(), "token-of-the-test") as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(server: LocalServer, path: str, body: object = None, **fields: str) -> tuple[int, dict[str, str], bytes]:
    """One request: status, header fields, body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=100)
    try:
        raw = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if raw is not None else {}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request("GET" if raw is None else "POST", path, raw, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def with_token(server: LocalServer, path: str) -> str:
    """The path as the page asks for it."""
    return f"{path}{'&' if '?' in path else '?'}token={server.token}"


def events(raw: bytes) -> list[dict[str, object]]:
    """The events of a stream that has ended."""
    return [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/runs/1/events", "/runs/1/report?token="])
def test_nothing_is_told_without_the_token(server: LocalServer, path: str) -> None:
    """Neither page nor runs; the answer does not say whether there is such a run."""
    status, _, body = ask(server, path)
    assert (status, json.loads(body)) == (403, {"reason": "serve_refused"})


@pytest.mark.parametrize(
    "fields", [{"Host": "evil.example"}, {"Host": "127.0.0.1:1"}, {"Origin": "http://evil.example"}]
)
def test_other_names_and_origins_are_refused(server: LocalServer, fields: dict[str, str]) -> None:
    """A page of elsewhere does not get here under a name of its own, even with the token."""
    assert ask(server, with_token(server, "/"), **fields)[0] == 403
    assert ask(server, with_token(server, "/peer"), {"unit": "juki"}, **fields)[0] == 403


@pytest.mark.parametrize(("language", "words"), [("ja", "評価を始める"), ("en", "Live log"), ("xx", "評価を始める")])
def test_the_page_is_japanese_or_english_and_allows_no_script_but_its_own(
    server: LocalServer, language: str, words: str
) -> None:
    """The policy names no host and no inline script; nothing on the page comes from elsewhere."""
    status, fields, body = ask(server, with_token(server, f"/?lang={language}"))
    assert status == 200
    assert words in body.decode()
    policy = fields["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert fields["Cache-Control"] == "no-store"
    assert b"http://" not in body.replace(b"http://127.0.0.1:8080/juki", b"")
    assert b"https://" not in body


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/runs", {"profile": "juki-provider", "subject": "file:///etc/passwd"}, 409),
        ("/runs", {"profile": "juki-provider", "subject": "http://x:99999/"}, 409),
        ("/runs", {"profile": "nothing-provider", "subject": "http://127.0.0.1:9/"}, 409),
        ("/peer", {"unit": "juki", "skip": "no such step"}, 409),
        ("/runs", [], 400),
        ("/elsewhere", {}, 404),
    ],
)
def test_what_cannot_be_run_is_refused(server: LocalServer, path: str, body: object, status: int) -> None:
    """With a reason that the page has words for."""
    found, _, answer = ask(server, with_token(server, path), body)
    assert found == status
    assert json.loads(answer)["reason"].startswith("serve_")


def test_a_form_of_elsewhere_cannot_start_anything(server: LocalServer) -> None:
    """Only JSON is taken, which no form can send."""
    sent = {"profile": "juki-provider", "subject": "http://127.0.0.1:9/"}
    assert ask(server, with_token(server, "/runs"), sent, Content_Type="text/plain")[0] == 400
    assert ask(server, with_token(server, "/runs"), {"x": "y" * 100_000})[0] == 400


def test_one_requirement_is_run_again_with_its_log_report_and_evidence(server: LocalServer) -> None:
    """The peer leaves a step out; the log tells what was sent; report and evidence can be had; the stream resumes."""
    _, _, raw = ask(server, with_token(server, "/peer"), {"unit": "juki", "skip": "doctype"})
    subject = json.loads(raw)["url"]
    _, _, raw = ask(
        server, with_token(server, "/runs"), {"profile": "juki-provider", "subject": subject, "only": ["PROF-106"]}
    )
    number = json.loads(raw)["number"]
    _, fields, raw = ask(server, with_token(server, f"/runs/{number}/events"))
    told = events(raw)
    assert fields["Content-Type"].startswith("text/event-stream")
    assert [one["event"] for one in told][-2:] == ["judging", "done"]
    assert told[0]["response"] == "HTTP/1.1 200 OK"
    assert (told[-1]["result"], told[-1]["counts"]["fail"]) == ("fails", 1)
    _, _, rest = ask(server, with_token(server, f"/runs/{number}/events"), Last_Event_ID=str(len(told) - 2))
    assert events(rest) == told[-1:]
    status, fields, page = ask(server, with_token(server, f"/runs/{number}/report?lang=en"))
    assert status == 200
    assert b"PROF-106" in page
    assert "script-src" not in fields["Content-Security-Policy"]
    _, _, archive = ask(server, with_token(server, f"/runs/{number}/evidence.zip"))
    assert "evidence.json" in zipfile.ZipFile(BytesIO(archive)).namelist()
    for path in ("/runs/999/events", "/runs/x/report", f"/runs/{number}/", "/runs/9999999999/events"):
        assert ask(server, with_token(server, path))[0] == 404


@pytest.mark.system
def test_a_user_finds_the_mistake_of_a_peer_in_the_browser(server: LocalServer, tmp_path: Path) -> None:
    """Start a wrong peer, assess it, see log and objections, try one again; no error in the browser's console."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1100,1400",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))

    def texts(css: str) -> list[str]:
        return [one.text for one in browser.find_elements(By.CSS_SELECTOR, css)]

    def state() -> str:
        return str(browser.find_element(By.TAG_NAME, "body").get_attribute("data-state"))

    try:
        browser.get(server.url)
        Select(browser.find_element(By.ID, "skip")).select_by_value("doctype")
        browser.find_element(By.ID, "peer").click()
        subject = browser.find_element(By.ID, "subject")
        until(lambda: subject.get_attribute("value"), within_s=60, what="the peer")
        browser.find_element(By.ID, "run").click()
        until(lambda: state() == "done", within_s=200, what="the verdicts")
        assert texts("#result")[0].startswith("不適合")
        assert {"PROF-106", "PROF-108"} <= {text.split()[1] for text in texts("article.fail h3")}
        assert len(texts("#log li")) > 30
        assert [link.get_attribute("href") for link in browser.find_elements(By.CSS_SELECTOR, "#links a")]
        picture = os.environ.get(PICTURES)
        if picture:
            browser.save_screenshot(str(Path(picture) / "serve.png"))
        browser.find_element(By.XPATH, "//article[contains(h3, 'PROF-106')]/button").click()
        until(lambda: state() == "done" and len(texts("#log li")) < 10, within_s=100, what="one requirement again")
        assert [text.split()[1] for text in texts("article h3")] == ["PROF-106"]
        browser.find_element(By.ID, "language").click()
        until(lambda: texts("h1") == ["Chiikibus conformance suite"], within_s=30, what="English")
        assert [one["message"] for one in browser.get_log("browser") if "favicon" not in one["message"]] == []
    finally:
        browser.quit()
