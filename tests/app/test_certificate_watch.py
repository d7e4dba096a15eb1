"""The running bus tells its log which certificates end: at the start, after a reload, and again every day."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bus.app.certificate_watch import CertificateWatch
from bus.core import log
from bus.core.clock import SystemClock
from bus.core.config import load_site
from bus.core.settings import Site
from bus.ops.certificate_maker import DAY
from tests.app.conftest import Town
from tests.support.pki import HERE, pki, write
from tests.support.polling import until_async
from tests.support.sites import change, write_site

FRONT = """[front.tls]
listen = "127.0.0.1:0"
certificate = "tls/bus.pem"
key = "tls/bus.key"
client_ca = "tls/ca.pem"

[journal]"""


class Lines:
    """What was written to the log of certificates."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    def warn(self, event: str, **fields: Any) -> None:
        """Keep one line."""
        if event.startswith("certificate_"):
            self.found.append((event, fields["code"], fields["path"]))


def protect(folder: Path, days: float) -> Path:
    """Give a site a listener whose certificate ends in so many days."""
    write(folder / "tls", "bus", pki().servers.issue("bus", names=HERE, from_s=-2 * DAY, days=days + 2))
    (folder / "tls/ca.pem").write_bytes(pki().clients.pem)
    return folder


WHERE = "site.toml: front.tls.certificate"
ENDS, WRONG = ("certificate_ends", "CB7047", WHERE), ("certificate_wrong", "CB7044", WHERE)


async def test_it_looks_again_every_day_and_when_asked(tmp_path: Path) -> None:
    """Each look says everything; without TLS nothing is said."""
    folder = write_site(tmp_path / "site")
    plain = load_site(folder)
    change(protect(folder, 20) / "site.toml", "[journal]", FRONT)
    protected = load_site(folder)
    lines, daily, site = Lines(), Lines(), [plain]

    def current() -> Site:
        return site[0]

    watch = CertificateWatch(current, SystemClock(), lines.warn)
    often = CertificateWatch(lambda: protected, SystemClock(), daily.warn, every_s=0.01)
    watch.start()
    often.start()
    await until_async(lambda: len(daily.found) > 2, what="the third look")
    assert set(daily.found) == {ENDS}
    assert lines.found == []
    site[0] = protected
    watch.again()
    await until_async(lambda: lines.found, what="the look after a reload")
    assert lines.found == [ENDS]
    await asyncio.gather(watch.stop(), often.stop())


@pytest.mark.slow
async def test_a_running_bus_announces_ends_after_start_and_reload(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends soon is said when the bus starts; what has ended when the site was read again."""
    lines = Lines()
    monkeypatch.setattr(log, "warn", lines.warn)
    change(protect(town.folder, 20) / "site.toml", "[journal]", FRONT)
    await town.restart()
    await until_async(lambda: lines.found, what="the first look")
    assert lines.found == [ENDS]
    protect(town.folder, -0.5)
    await town.reload()
    await until_async(lambda: len(lines.found) > 1, what="the look after the reload")
    assert lines.found[1:] == [WRONG]
