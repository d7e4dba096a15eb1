"""Pages from templates of this package, in the language of who looks; everything is escaped, nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from bus.core.states import State
from bus.journal.resend.names import ITEMS, JOBS

JAPAN: Final = timezone(timedelta(hours=9), "JST")
LANGUAGES: Final = ("ja", "en")

STATES_JA: Final[Mapping[str, str]] = {
    State.REJECTED: "拒否",
    State.EARLY: "順番待ち（先着）",
    State.ACCEPTED: "受付済み",
    State.PUBLISHED: "配送待ち",
    State.DISPATCHING: "送信中",
    State.DELIVERED: "配送済み",
    State.REPLIED: "回答済み",
    State.RETRY_WAIT: "再送待ち",
    State.PARKED: "保留",
    State.EXPIRED: "期限切れ",
    State.CANCELLED: "取消し",
}


class Pages:
    """Renders templates. ``t(ja, en)`` in a template is a text in the visitor's language."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("bus.console", "templates"),
            autoescape=select_autoescape(("html",), default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters |= {"when": when, "lasting": lasting, "after": after}

    def page(self, template: str, language: str, **values: Any) -> str:
        """HTML. ``values`` are those of the page beside ``language``, ``t`` and ``state_name``."""
        english = language == "en"

        def t(ja: str, en: str) -> str:
            return en if english else ja

        def state_name(state: object) -> str:
            return str(state) if english else STATES_JA.get(str(state), str(state))

        def job_state(state: object) -> str:
            return str(state) if english else JOBS.get(str(state), str(state))

        def item_state(state: object) -> str:
            return str(state) if english else ITEMS.get(str(state), str(state))

        values |= {"t": t, "state_name": state_name, "job_state": job_state, "item_state": item_state}
        found = self._environment.get_template(template)
        return found.render(language=language, **values)


def when(seconds: object) -> str:
    """Epoch seconds as Japanese time with milliseconds; ``-`` for none."""
    if not isinstance(seconds, int | float) or not seconds:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).astimezone(JAPAN).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def lasting(seconds: object) -> str:
    """A duration as somebody reads it: ms below a second, then s, min, h, d; ``-`` for none."""
    if not isinstance(seconds, int | float):
        return "-"
    if seconds < 0:
        return f"-{lasting(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def after(seconds: float) -> str:
    """How long after the beginning; before it where a clock was moved."""
    return f"{'-' if seconds < 0 else '+'}{lasting(abs(seconds))}"


def epoch(text: str) -> float:
    """An ISO 8601 time, Japanese time where no offset is given, as epoch seconds; 0.0 for none. Errors: ValueError."""
    if not text:
        return 0.0
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=JAPAN)).timestamp()
