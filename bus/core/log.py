"""Structured logs: one JSON object per line, masked so that no personal data can leave through them.

A key of ``LOG_KEYS`` passes (numbers of 11 or 12 digits inside it are masked, unless it is an identifier). Under any
other key a text is masked as a whole when the key looks personal or the value holds a long number or Japanese
characters. Exceptions are written as type and place, never with their message.
"""

from __future__ import annotations

import asyncio
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, BinaryIO

import msgspec
import structlog

from bus.core.log_keys import ID_KEYS, LOG_KEYS

MASK = "***"
GATHER_S = 0.05
"""While lines are gathered, one waits at most this long; warnings and errors never wait."""

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9]{11,12}(?![0-9])")
_LONG_WIDE_NUMBER = re.compile(r"[0-9０-９]{11,}|(?:[0-9０-９]{4}[-‐－ ]){2}[0-9０-９]{3,4}")
_PERSONAL_KEY = re.compile(
    r"shimei|namae|name|furigana|kana|jusho|address|honseki|banchi|machiaza|katagaki|seinengappi|birth|kojinbango"
    r"|mynumber|juminhyo|atena|setai|denwa|tel|mail|hittosha|nushi|shotoku|zeigaku|kingaku|body|raw|payload|secret"
    r"|password|authorization|[぀-ヿ㐀-鿿]",
    re.IGNORECASE,
)
_NUMBERS = (int, float)
_UNTOUCHED = (str, int, float)
_encoder = msgspec.json.Encoder(enc_hook=str)


def mask_text(text: str) -> str:
    """``text`` with every run of 11 or 12 digits replaced."""
    return _LONG_NUMBER.sub(MASK, text)


def safe_value(key: str, value: Any) -> Any:  # noqa: PLR0911 (one kind of value, one line)
    """What may be logged of ``value`` under ``key``."""
    if isinstance(value, str):
        if key in ID_KEYS:
            return value
        if key in LOG_KEYS:
            return mask_text(value) if len(value) > 10 else value
        looks_personal = _PERSONAL_KEY.search(key) or not value.isascii() or _LONG_WIDE_NUMBER.search(value)
        return MASK if looks_personal else value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        personal = key not in LOG_KEYS and (_PERSONAL_KEY.search(key) or _LONG_WIDE_NUMBER.search(str(value)))
        return MASK if personal else value
    if isinstance(value, Mapping):
        return {str(k): safe_value(str(k), v) for k, v in value.items()}
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Iterable):
        return [safe_value(key, item) for item in value]
    return safe_value(key, str(value))


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: mask what is not documented and looks personal."""
    documented, identifiers, others = _kinds(tuple(event))
    for key in documented:
        value = event[key]
        if isinstance(value, str):
            if len(value) > 10:
                event[key] = mask_text(value)
        elif not isinstance(value, _NUMBERS):
            event[key] = safe_value(key, value)
    for key in identifiers:
        if not isinstance(event[key], _UNTOUCHED):
            event[key] = safe_value(key, event[key])
    for key in others:
        event[key] = safe_value(key, event[key])
    return event


@lru_cache(maxsize=256)
def _kinds(keys: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The documented keys of a line but for identifiers, the identifiers, and the rest; few lines differ in that."""
    identifiers = tuple(key for key in keys if key in ID_KEYS)
    documented = tuple(key for key in keys if key in LOG_KEYS and key not in ID_KEYS)
    return documented, identifiers, tuple(key for key in keys if key not in LOG_KEYS and key not in ID_KEYS)


def _stamp(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: time in epoch seconds and the level."""
    event["ts"] = round(time.time(), 6)  # the log's own time: not a decision of the bus, so not read from the port
    event["level"] = method
    return event


def _exceptions(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: an exception becomes its type, its code and the place of its last frame."""
    given = event.pop("exc_info", None)
    if not given:
        return event
    error = given if isinstance(given, BaseException) else sys.exc_info()[1]
    if error is None:
        return event
    event["error"] = type(error).__name__
    code = getattr(error, "code", None)
    if isinstance(code, str):
        event.setdefault("code", code)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None:
        frame = trace.tb_frame
        event["where"] = f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{trace.tb_lineno}"
    return event


def _render_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """structlog renderer: JSON bytes."""
    return _encoder.encode(event)


def _render_console(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> bytes:
    """structlog renderer for a person: time, event, then the fields."""
    clock = time.strftime("%H:%M:%S", time.localtime(float(event.pop("ts"))))
    level, name = event.pop("level"), event.pop("event", "")
    fields = " ".join(f"{key}={value}" for key, value in event.items())
    return f"{clock} {level:<8} {name} {fields}".rstrip().encode("utf-8", "replace")


class Sink:
    """Where lines go: structlog's logger factory and, for ``line``, the short way past its wrappers."""

    __slots__ = ("_gathered", "_lock", "_loop", "_render", "_stream", "_thread", "_threshold")

    def __init__(self, stream: BinaryIO, threshold: int, render: Callable[..., bytes]) -> None:
        self._stream = stream
        self._threshold = threshold
        self._render = render
        self._lock = threading.Lock()
        self._gathered: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

    @property
    def style(self) -> str:
        """``json`` or ``console``."""
        return "json" if self._render is _render_json else "console"

    def __call__(self, *_args: Any) -> Sink:
        """structlog asks its factory for a logger: the sink itself."""
        return self

    def msg(self, message: bytes) -> None:
        """Write one rendered line, after those that were gathered."""
        with self._lock:
            gathered, self._gathered = self._gathered, []
            self._stream.write(b"\n".join([*gathered, message, b""]))
            self._stream.flush()

    def gather(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """From now on ``line`` writes what the thread of ``loop`` says together; ``None``: each line at once."""
        self._loop, self._thread = loop, threading.get_ident()
        if loop is None:
            self._write_gathered()

    def _write_gathered(self) -> None:
        with self._lock:
            gathered, self._gathered = self._gathered, []
            if gathered:
                self._stream.write(b"\n".join([*gathered, b""]))
                self._stream.flush()

    debug = info = warning = error = critical = exception = msg

    def line(self, level: str, event: str, fields: dict[str, Any]) -> None:
        """Stamp, mask, render and write one line."""
        if _LEVELS[level] < self._threshold:
            return
        whole = {"ts": round(time.time(), 6), "level": level, "event": event, **fields}
        rendered = self._render(None, level, redact(None, level, whole))
        loop = self._loop
        if loop is None or level != "info" or self._thread != threading.get_ident():
            self.msg(rendered)
            return
        self._gathered.append(rendered)
        if len(self._gathered) == 1:
            loop.call_later(GATHER_S, self._write_gathered)


def configure(level: str = "info", *, json: bool = True, stream: BinaryIO | None = None) -> None:
    """Set up logging for this process: called once by each program's entry point.

    ``stream`` takes bytes (default: standard error). The one piece of state is structlog's own configuration.
    """
    render = _render_json if json else _render_console
    threshold = _LEVELS.get(level.lower(), 20)
    structlog.configure(
        processors=[_stamp, _exceptions, redact, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=Sink(stream or sys.stderr.buffer, threshold, render),
        cache_logger_on_first_use=False,
    )


def style() -> str:
    """How this process writes: ``json``, ``console``, or empty before ``configure``."""
    sink = structlog.get_config()["logger_factory"]
    return sink.style if isinstance(sink, Sink) else ""


def logger() -> Any:
    """The process's structlog logger, for exceptions and bound fields."""
    return structlog.get_logger()


def line(event: str, /, level: str = "info", **fields: Any) -> None:
    """Write one line: cheap enough for every transition. Silent until ``configure`` was called."""
    sink = structlog.get_config()["logger_factory"]
    if isinstance(sink, Sink):
        sink.line(level, event, fields)


@contextmanager
def gathering(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Inside this block the lines of the loop's thread are written together: one write instead of hundreds."""
    sink = structlog.get_config()["logger_factory"]
    if not isinstance(sink, Sink):
        yield
        return
    sink.gather(loop)
    try:
        yield
    finally:
        sink.gather(None)


def warn(event: str, /, **fields: Any) -> None:
    """Write one line of level warning."""
    line(event, "warning", **fields)
