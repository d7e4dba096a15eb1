"""Unknown gaiji in ten thousand records: nobody's name is substituted, one row of work per code, order kept.

    deploy/examples/gaiji/run.sh [--json] [--records N] [--seed N] [--work FOLDER]

A register of A社 writes a file in which every tenth name has a code that no gaiji register knows. Adapters and bus run
as processes; what the tax system of A社 holds is read from its own files. Then a person decides about each code (with
the command an operator would use) and the held records go on. All residents are synthetic. The last line counts; exit
code 0 only when nothing was substituted, lost, doubled, overtaken or delivered too early.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tax-juki"), str(HERE.parents[2])]

from records import (  # noqa: E402 - the paths are set above
    DECISIONS,
    SUBSTITUTES,
    Letter,
    Receiver,
    Version,
    carrier,
    extend,
    letters,
    out_of_order,
)
from rich.console import Console  # noqa: E402 - the same
from townhall import TownHall, TownHallError, wait_for  # noqa: E402 - the same

from adapters.transports.file_drop import write_file  # noqa: E402 - the same

SETTLE_S = 600.0
POLL_S = 0.5
EXIT_DIFFERS, EXIT_ENVIRONMENT = 1, 3


@dataclass(slots=True)
class Story:
    """One run; ``figures`` become the last line, in this order."""

    hall: TownHall
    sent: list[Letter]
    data: bytes
    console: Console
    figures: dict[str, int] = field(default_factory=dict)

    def play(self) -> None:
        """Send, look, decide, look again."""
        held = [one for one in self.sent if one.code]
        self.figures |= {"records": len(self.sent), "unknown": len(held), "codes": len({one.code for one in held})}
        write_file(self.hall.site / "sim/a-juki/out", "IDO_000001.DAT", self.data)
        wait_for("送信・保留 sent or held", self._all_placed, SETTLE_S, POLL_S)
        status = self._status()
        before = status["outbox"].get("sent", 0)
        receiver = Receiver(self.hall.site / "sim/a-tax/in", self.hall.site / "gaiji/990019-a-tax.csv")
        wait_for("税への到着 arrival", lambda: len(receiver.arrived()) >= before, SETTLE_S, POLL_S)
        early = receiver.arrived()
        self.figures |= {"held": status["held"], "behind": status["behind"], "delivered_before": len(early)}
        self.figures |= self._worklist()
        unknown = {one.version for one in held}
        self.figures["delivered_too_early"] = sum(version in unknown for version, _ in early)
        self.console.print(
            f"① {len(self.sent)} 件のうち {len(early)} 件が税に届き、{status['held']} 件は未知の外字で、"
            f"{status['behind']} 件はその後ろで待っています / delivered, held, waiting behind"
        )
        for code, name in DECISIONS.items():
            self._decide(code, name)
        wait_for("保留の解放 release", lambda: len(receiver.arrived()) >= len(self.sent), SETTLE_S, POLL_S)
        wait_for("作業一覧 worklist", lambda: set(self._status()["worklist"]) == {"decided"}, SETTLE_S, POLL_S)
        arrived = receiver.arrived()
        self.figures["released"] = len(arrived) - len(early)
        self.console.print(f"② 決定のあと {self.figures['released']} 件が順に届きました / released after the decisions")
        self._judge(arrived)

    def _status(self) -> dict[str, Any]:
        return self.hall.adapter_status("a-juki")

    def _all_placed(self) -> bool:
        status = self._status()
        return status["outbox"].get("sent", 0) + status["held"] + status["behind"] >= len(self.sent)

    def _worklist(self) -> dict[str, int]:
        """Rows of the worklist, and the codes that do not have exactly one."""
        site = str(self.hall.site)
        text = self.hall.chiikibus(
            "characters", "register", "worklist", "--site", site, "--adapter", "a-juki", "--json"
        )
        rows = Counter(row["character"] for row in json.loads(text))
        expected = {one.code for one in self.sent if one.code}
        wrong = sum(rows[code] != 1 for code in expected | set(rows))
        return {"worklist_rows": rows.total(), "codes_without_one_row": wrong}

    def _decide(self, code: str, name: str) -> None:
        if not any(one.code == code for one in self.sent):
            return
        self.hall.chiikibus(
            "characters", "register", "decide", "--site", str(self.hall.site), "--adapter", "a-juki", "--code", code,
            "--mj", name, "--class", "字形一致", "--evidence", "照合票（合成）", "--by", "文字同定担当",
        )  # fmt: skip
        self.console.print(f"   {code} → {carrier(code)} {name}", style="dim")

    def _judge(self, arrived: Sequence[tuple[Version, str]]) -> None:
        """Every name as it must be, everything once, in order."""
        names = {one.version: one.name for one in self.sent}
        times = Counter(version for version, _ in arrived)
        self.figures["delivered"] = len(arrived)
        self.figures["substituted"] = sum(any(mark in name for mark in SUBSTITUTES) for _, name in arrived)
        self.figures["wrong"] = sum(names.get(version) != name for version, name in arrived)
        self.figures["lost"] = sum(not times[one.version] for one in self.sent)
        self.figures["duplicates"] = sum(count - 1 for count in times.values())
        self.figures["out_of_order"] = out_of_order([version for version, _ in arrived], self.sent)

    def complaints(self) -> list[str]:
        """The figures that are not as they must be."""
        nothing = (
            "codes_without_one_row", "delivered_too_early", "substituted", "wrong", "lost", "duplicates",
            "out_of_order",
        )  # fmt: skip
        found = [f"{name} = {self.figures[name]}" for name in nothing if self.figures[name]]
        for left, right in (("held", "unknown"), ("worklist_rows", "codes"), ("delivered", "records")):
            if self.figures[left] != self.figures[right]:
                found.append(f"{left} {self.figures[left]} ≠ {right} {self.figures[right]}")
        if self.figures["released"] != self.figures["held"] + self.figures["behind"]:
            found.append("released ≠ held + behind")
        return found


def main() -> int:
    """Run it once and print the figures."""
    parser = argparse.ArgumentParser(description="未知の外字 / unknown gaiji in many records")
    parser.add_argument("--json", action="store_true", help="最後の行だけを JSON で / only the last line, as JSON")
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--work", type=Path, help="作業フォルダー / working folder (kept)")
    options = parser.parse_args()
    if options.records < 10 * len(DECISIONS):
        parser.error(f"--records: {10 * len(DECISIONS)} 以上 / at least")
    console = Console(stderr=True, quiet=options.json, highlight=False, soft_wrap=True)
    work = (options.work or Path(tempfile.mkdtemp(prefix="chiikibus-gaiji-"))).resolve()
    hall = TownHall(work, fixed_ports=False)
    story = Story(hall, *letters(options.records, options.seed), console)
    try:
        hall.prepare()
        extend(hall.site / "gaiji/990019-a-tax.csv")
        hall.start()
        story.play()
    except TownHallError as error:
        Console(stderr=True, highlight=False).print(f"✗ {error}\n   {story.figures}\n   記録 logs: {work / 'log'}")
        return EXIT_DIFFERS if story.figures else EXIT_ENVIRONMENT
    finally:
        hall.stop()
        if options.work is None:
            shutil.rmtree(work, ignore_errors=True)
    complaints = story.complaints()
    for text in complaints:
        Console(stderr=True, highlight=False).print(f"✗ {text}", style="red")
    console.print("✓ 一字も置き換わっていません / no character was substituted" if not complaints else "")
    print(json.dumps(story.figures), flush=True)
    return EXIT_DIFFERS if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
