"""The story of the example: initial load, a thousand changes, two hundred inquiries, and the switch of a vendor.

Run by ``deploy/quickstart.sh``. All residents are synthetic.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounting import Account, notices_by_state
from chaos import Chaos
from compare import Comparison, compare, from_wareki
from rich.console import Console
from townhall import TownHall, TownHallError, wait_for

from adapters.simulators.a_tax import read_csv

EXIT_DIFFERS, EXIT_ENVIRONMENT = 1, 3
SETTLE_S = 240.0
INQUIRY_BATCH = 50
LEDGER_POLL_S = 0.3
BASE_DATE = "2026-01-01"
BASE_DATE_WAREKI = "R08.01.01"
BASE_DATE_SLASH = "2026/01/01"


@dataclass(slots=True)
class Story:
    """One run. ``account`` is filled scene by scene and becomes the last line."""

    hall: TownHall
    residents: int
    changes: int
    inquiries: int
    seed: int
    console: Console
    chaos: Chaos | None = None
    account: Account = field(default_factory=Account)

    def tell(self) -> None:
        """All scenes."""
        self._scene("① 初期移行 initial load: A社住基 → バス → A社税", self._load)
        self._scene("② 異動 changes: A社の異動ファイル → 異動通知 → A社税", self._change)
        self._scene("③ 照会 inquiries: A社税 → バス → A社住基", self._inquire)
        self._scene("④ 乗換え the switch: 税を A社 から B社 へ", self._switch)
        self._scene("⑤ 突合 reconciliation: 住基・A社税・B社税を項目ごとに", self._compare)

    def _scene(self, title: str, act: Any) -> None:
        started = time.monotonic()
        with self.console.status(title):
            text = act()
        self.console.print(f"{title}  [dim]{time.monotonic() - started:.1f} s[/dim]\n   {text}")

    # scenes

    def _load(self) -> str:
        loaded = self.hall.panel("a-juki", "/load", {"size": self.residents, "seed": self.seed})
        self.account.residents = int(loaded["people"])
        if self.chaos:
            self.chaos.start()
        self.hall.panel("a-juki", "/extract", {"kind": "full", "hold": False})
        self._settle("a-tax")
        return f"住民 {self.account.residents} 人を一括連携しました / residents transferred in bulk"

    def _change(self) -> str:
        kinds: Counter[str] = Counter()
        night = self.changes * 4 // 5
        for step, count in enumerate((night, self.changes - night)):
            told = self.hall.panel("a-juki", "/changes", {"count": count, "seed": self.seed + step})
            kinds.update(told["kinds"])
            self.account.notices_sent += int(told["notices"])
            if step == 0:
                # last night's extract: the new vendor will be loaded with it
                self.hall.panel("a-juki", "/extract", {"kind": "full", "hold": True})
        self._settle("a-tax")
        return f"異動 {self.changes} 件（{len(kinds)} 事由）、通知 {self.account.notices_sent} 件 / changes and notices"

    def _inquire(self) -> str:
        numbers = sorted(self.hall.panel("a-juki", "/versions"))
        asked = random.Random(self.seed).choices(numbers, k=self.inquiries)
        truth = {row["atenabango"]: row for row in self.truth(BASE_DATE)}
        wrong = 0
        for start in range(0, len(asked), INQUIRY_BATCH):
            batch = asked[start : start + INQUIRY_BATCH]
            for number, row in self._answers(batch):
                expected = truth.get(number)
                self.account.inquiries_answered += row["結果"] in {"00", "01"}
                wrong += (row["結果"] == "00") != (expected is not None) or (
                    expected is not None
                    and (row["履歴番号"], from_wareki(row["異動日"]))
                    != (expected["rirekibango"], expected["ido_nengappi"])
                )
        self.account.inquiries = len(asked)
        self.account.wrong_answers = wrong
        return (
            f"照会 {len(asked)} 件、回答 {self.account.inquiries_answered} 件 / inquiries answered; 誤り wrong {wrong}"
        )

    def _answers(self, numbers: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
        """Ask through A社税's own files; what could not be answered for now is asked again."""
        left = list(enumerate(numbers))
        end = time.monotonic() + SETTLE_S
        while left and time.monotonic() < end:
            questions = [{"宛名番号": number, "基準日": BASE_DATE_WAREKI} for _, number in left]
            name = self.hall.panel("a-tax", "/shokai", {"照会": questions})["answer"]
            wait_for(name, lambda name=name: self.hall.panel("a-tax", f"/kaito/{name}") is not None, SETTLE_S)
            rows = self.hall.panel("a-tax", f"/kaito/{name}")["rows"]
            again = []
            for one, row in zip(left, rows, strict=True):
                if row["結果"] in {"00", "01"}:
                    yield one[1], row
                else:
                    again.append(one)
            left = again

    def _switch(self) -> str:
        self.hall.change_line('adapter = "a-tax"', 'adapter = "b-tax"')
        self.hall.panel("a-juki", "/release", {})
        wait_for("b-tax", lambda: self.hall.panel("b-tax", "/stats")["residents"] >= self.account.residents, SETTLE_S)
        self.hall.panel("a-juki", "/extract", {"kind": "difference", "hold": False})
        self._settle("b-tax")
        question = {"宛名番号": min(self.hall.panel("a-juki", "/versions")), "基準日": BASE_DATE_SLASH}
        wait_for("B社税の照会 an inquiry by the new vendor", lambda: self._new_vendor_asks(question), SETTLE_S)
        return (
            "endpoints.toml の 1 行を変え、昨夜の全件と今日の差分を B社 に渡しました"
            " / one line changed; last night's extract and today's difference went to B"
        )

    def _new_vendor_asks(self, question: dict[str, str]) -> bool:
        answer = self.hall.panel("b-tax", "/shokai", {"照会": [question]})["rows"][0]
        self.account.after_switch = str(answer.get("結果", ""))
        return self.account.after_switch in {"00", "01"}

    def _compare(self) -> str:
        if self.chaos:
            self.chaos.stop()
            self._settle("b-tax")
        found = self._ledgers()
        self.account.switch_differences = len(found.differences)
        states = notices_by_state(self.hall.site, "juki.ido_tsuchi")
        self.account.count(
            states,
            [self.hall.adapter_status("a-juki"), self.hall.adapter_status("a-tax"), self.hall.adapter_status("b-tax")],
        )
        self.account.duplicates += sum(self.hall.panel(name, "/stats")["duplicates"] for name in ("a-tax", "b-tax"))
        for one in found.differences[:10]:
            self.console.print(f"   相違 difference: {one.item} {one.pair} #{one.person}", style="red")
        items = found.values // max(1, found.residents)
        return f"{found.residents} 人 × {items} 項目、相違 {len(found.differences)} / residents × items, differences"

    def _ledgers(self) -> Comparison:
        name = self.hall.panel("a-tax", "/daicho", {})["file"]

        ledger_a = read_csv((self.hall.site / "sim/a-tax/daicho" / name).read_bytes())
        ledger_b: list[dict[str, str]] = []
        after = ""
        while True:
            page = self.hall.panel("b-tax", f"/api/v1/kojin?after={after}")
            ledger_b += page["kojin"]
            after = page["next"]
            if not after:
                break
        return compare(self.truth(), ledger_a, ledger_b, self.hall.site / "gaiji/990019-a-tax.csv")

    # helpers

    def truth(self, base_date: str = "") -> Iterator[dict[str, str]]:
        """The register's own records: of now, or as they stood on a day."""
        after = ""
        while True:
            page = self.hall.panel("a-juki", f"/truth?after={after}&limit=500&date={base_date}")
            yield from page["records"]
            after = page["next"]
            if not after:
                return

    def _settle(self, system: str) -> None:
        """Wait until the tax system holds the register's version of everyone."""
        register = self.hall.panel("a-juki", "/versions")
        wait_for(
            f"{system}: 台帳の追付き ledger catches up",
            lambda: self.hall.panel(system, "/versions") == register,
            SETTLE_S,
            every_s=LEDGER_POLL_S,
        )


def main() -> int:
    """The command line of ``deploy/quickstart.sh``."""
    parser = argparse.ArgumentParser(
        prog="deploy/quickstart.sh", description="地域バスの例題：税と住基 / the example: tax and juki"
    )
    parser.add_argument("--once", action="store_true", help="end after the story")
    parser.add_argument("--json", action="store_true", help="print one last line of JSON")
    parser.add_argument("--residents", type=int, default=10_000)
    parser.add_argument("--changes", type=int, default=1_000)
    parser.add_argument("--inquiries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--work", type=Path, help="working folder (kept); default: a temporary one, removed")
    parser.add_argument("--free-ports", action="store_true", help="let the system choose the ports")
    parser.add_argument("--chaos", type=int, metavar="SEED", help="kill bus and adapters at random moments")
    parser.add_argument(
        "--engine",
        choices=("embedded", "distributed"),
        default="embedded",
        help="distributed: PostgreSQL and RabbitMQ",
    )
    options = parser.parse_args()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    work = options.work or Path(tempfile.mkdtemp(prefix="chiikibus-"))
    hall = TownHall(work.resolve(), fixed_ports=not options.free_ports, engine=options.engine)
    chaos = None if options.chaos is None else Chaos(hall.processes, options.chaos)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end like Ctrl-C: with everything that was started
    story = Story(hall, options.residents, options.changes, options.inquiries, options.seed, console, chaos)
    try:
        return _run(story, options)
    except TownHallError as error:
        console.print(f"✗ {error}", style="red")
        console.print(f"   記録 logs: {work / 'log'}")
        options.work = work
        return EXIT_ENVIRONMENT if story.account.residents == 0 else EXIT_DIFFERS
    except KeyboardInterrupt:
        return 130
    finally:
        if chaos:
            chaos.stop()
        hall.stop()
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)


def _run(story: Story, options: argparse.Namespace) -> int:
    started = time.monotonic()
    story.hall.prepare()
    story.hall.start()
    story.console.print(f"起動しました（{time.monotonic() - started:.1f} s） / started")
    story.tell()
    agrees = not story.account.complaints()
    mark = (
        "[green]✓ すべて一致しました / everything agrees[/green]"
        if agrees
        else "[red]✗ 一致しません / something differs[/red]"
    )
    story.console.print(f"{mark}  [dim]{time.monotonic() - started:.1f} s[/dim]")
    for text in story.account.complaints():
        story.console.print(f"   {text}", style="red")
    if story.chaos:
        story.console.print(f"   強制終了 killed: {len(story.chaos.kills)} {dict(Counter(story.chaos.kills))}")
    if not options.once:
        _stay(story.hall, story.console)
    if options.json:
        print(json.dumps(story.account.line()), flush=True)
    else:
        story.console.print_json(json.dumps(story.account.line()))
    return 0 if agrees else EXIT_DIFFERS


def _stay(hall: TownHall, console: Console) -> None:
    bus = f"http://127.0.0.1:{hall.ports['bus']}"
    console.print("起動したままです。Ctrl-C で終了します。 / staying up, Ctrl-C ends:")
    console.print(f"   WSDL   {bus}/990019/kokuho/juki?wsdl")
    console.print(f"   状態   {bus}/health/ready")
    console.print(f"   設定   {hall.site}")
    console.print(f"   試す   chiikibus messages list --site {hall.site}")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()


if __name__ == "__main__":
    sys.exit(main())
