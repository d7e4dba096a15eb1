"""Find the parts of a multipart body, fed with pieces of any size; nothing but the present piece is kept.

A delimiter is CRLF ``--`` boundary, then blanks and CRLF, or ``--`` at the end (RFC 2046, 5.1.1). What other readers
might take for a delimiter and we do not (after a bare CR or LF, with something behind it) is refused, and so are a
preamble and an epilogue: the receiver, who gets the same bytes, shall see the same parts.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

from bus.core.errors import WireError
from bus.core.types import Finding
from bus.wire.attachments.head import PartHead, read_head
from bus.wire.attachments.limits import PackageLimits

MAX_BLANKS: Final = 64
"""Blanks behind a boundary and line ends behind the last one."""

_LINE_END: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"


class Sink(Protocol):
    """What becomes of the parts."""

    def begin(self, head: PartHead, offset: int) -> None:
        """A part begins; its content starts at ``offset`` of the whole body."""
        ...

    def content(self, data: bytes) -> None:
        """A piece of its content, still in its transfer encoding."""
        ...

    def end(self) -> None:
        """The part is complete."""
        ...


class _State(Enum):
    START = 0
    DELIMITER = 1
    HEAD = 2
    CONTENT = 3
    EPILOGUE = 4


class Parser:
    """One multipart body.

    Errors (WireError): CB1051 structure, CB1053 to CB1055 the fields of a part, CB1057 limits.
    """

    def __init__(self, boundary: bytes, sink: Sink, limits: PackageLimits) -> None:
        self._marker = b"--" + boundary
        self._sink = sink
        self._limits = limits
        self._state = _State.START
        self._rest = b""
        self._at = 0
        self._parts = 0
        self._fresh = False

    def feed(self, data: bytes) -> None:
        """The next piece of the body."""
        rest = self._rest + data if self._rest else data
        steps = {
            _State.START: self._start,
            _State.DELIMITER: self._delimiter,
            _State.HEAD: self._head,
            _State.CONTENT: self._content,
            _State.EPILOGUE: self._epilogue,
        }
        while True:
            used, more = steps[self._state](rest)
            self._at += used
            rest = rest[used:] if used else rest
            if not more:
                break
        self._rest = rest

    def finish(self) -> None:
        """The body is complete."""
        if self._state is not _State.EPILOGUE:
            raise _bad("the final boundary", "the end of the body")

    # Each step gives how many bytes it used up and whether the next step can go on with what is left.

    def _start(self, rest: bytes) -> tuple[int, bool]:
        """The first boundary stands at the start, at most a line end before it."""
        skipped = 2 if rest[:2] == _LINE_END else 0
        wanted = skipped + len(self._marker)
        seen = rest[skipped:wanted]
        if not self._marker.startswith(seen) and rest != b"\r":
            raise _bad("the boundary at the start", "a preamble")
        if len(rest) < wanted:
            return 0, False
        self._state = _State.DELIMITER
        return wanted, True

    def _delimiter(self, rest: bytes) -> tuple[int, bool]:
        """Behind a boundary: its line ends, or all is over."""
        if rest[:2] == b"--":
            if not self._parts:
                raise _bad("a part", "none")
            self._state = _State.EPILOGUE
            return 2, True
        end = rest.find(_LINE_END)
        line = rest[: end if end >= 0 else len(rest)]
        blanks = line.rstrip(b"\r") if end < 0 else line
        if rest != b"-" and (blanks.strip(b" \t") or len(line) > MAX_BLANKS):
            raise _bad("a line end after the boundary", "something else")
        if end < 0:
            return 0, False
        self._parts += 1
        if self._parts > self._limits.max_parts:
            raise over("parts", self._limits.max_parts)
        self._state = _State.HEAD
        return end, True

    def _head(self, rest: bytes) -> tuple[int, bool]:
        """The fields up to an empty line. ``rest`` begins with the line end before them."""
        end = rest.find(_HEAD_END)
        if end > self._limits.max_head or (end < 0 and len(rest) > self._limits.max_head + len(_HEAD_END)):
            raise over("bytes of a part's fields", self._limits.max_head)
        if end < 0:
            return 0, False
        self._sink.begin(read_head(rest[2:end], self._limits), self._at + end + 4)
        self._state = _State.CONTENT
        self._fresh = True
        return end + 4, True

    def _content(self, rest: bytes) -> tuple[int, bool]:
        """Everything up to the next delimiter; the end of what came may be the beginning of one."""
        at = 0
        while (at := rest.find(self._marker, at)) >= 0:
            if self._fresh and at == 0:
                break
            if rest[max(at - 2, 0) : at] == _LINE_END:
                break
            if rest[at - 1 : at] in {b"\r", b"\n"}:
                raise _bad("CRLF before a boundary", "CR or LF")
            at += 1
        if at < 0:
            certain = len(rest) - len(self._marker) - 1
            if certain <= 0:
                return 0, False
            self._sink.content(rest[:certain])
            self._fresh = False
            return certain, False
        if at > 2:
            self._sink.content(rest[: at - 2])
        self._sink.end()
        self._fresh = False
        self._state = _State.DELIMITER
        return at + len(self._marker), True

    def _epilogue(self, rest: bytes) -> tuple[int, bool]:
        """Line ends may follow the last boundary, nothing else."""
        if rest.strip(b"\r\n \t") or len(rest) > MAX_BLANKS:
            raise _bad("the end of the body", "an epilogue")
        return 0, False


def over(what: str, limit: int) -> WireError:
    """CB1057: a limit is exceeded."""
    return WireError("CB1057", [Finding("CB1057", path=what, expected=f"<= {limit}", got="more")])


def _bad(expected: str, got: str) -> WireError:
    """CB1051: the body is not what its boundary says."""
    return WireError("CB1051", [Finding("CB1051", path="multipart", expected=expected, got=got)])
