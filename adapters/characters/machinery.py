"""The character sets as codecs of Python, incremental too: ``raw.decode("jef")``, ``open(path, encoding="keis83")``.

``register()`` makes them known to the process. They read and write the user area as private-use characters (for looking
at files; messages go through a charset with its register). Only ``strict`` and ``report`` are accepted as error
handlers: every other one would replace or drop characters. ``report`` raises CharacterError with offset, bytes, reason.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from adapters.characters.coding import HostCoding
from adapters.characters.codings import host_coding, host_names
from adapters.characters.cp932 import LOOK_ALIKES
from adapters.characters.problem import CharacterError

REPORT = "report"
GAIJI = "cp932-gaiji"
_HANDLERS = ("strict", REPORT)
SearchFunction = Callable[[str], codecs.CodecInfo | None]


def codec_names() -> tuple[str, ...]:
    """The names Python knows after ``register()``, besides the standard library's."""
    return (GAIJI, *host_names())


def register(tables: Path | None = None) -> SearchFunction:
    """Make the codecs known; ``codecs.unregister`` with what is returned forgets them.

    ``tables`` is the folder of the vendors' own host tables.
    """
    names = {_normal(name): name for name in codec_names()}

    def search(name: str) -> codecs.CodecInfo | None:
        known = names.get(_normal(name))
        return None if known is None else _info(known, tables)

    codecs.register_error(REPORT, _report)
    codecs.register(search)
    return search


def _normal(name: str) -> str:
    return re.sub("[^a-z0-9]+", "_", name.lower())


def _report(error: Exception) -> tuple[str | bytes, int]:
    """The error handler ``report``: never replaces; raises CharacterError with offset, bytes or code points, reason."""
    if isinstance(error, UnicodeDecodeError):
        shown = error.object[error.start : error.end].hex().upper()
        raise CharacterError("CB6002", error.start, shown, error.reason)
    if isinstance(error, UnicodeEncodeError):
        shown = " ".join(f"U+{ord(char):04X}" for char in error.object[error.start : error.end])
        raise CharacterError("CB6007", error.start, shown, error.reason)
    raise error


def _info(name: str, tables: Path | None) -> codecs.CodecInfo:
    if name == GAIJI:
        return _gaiji_info()
    coding = host_coding(name, tables, private=True)
    encode, decode = partial(_encode, coding), partial(_decode, coding)
    return codecs.CodecInfo(
        encode,
        decode,
        incrementalencoder=partial(HostEncoder, coding),
        incrementaldecoder=partial(HostDecoder, coding),
        name=name,
    )


def _allowed(errors: str) -> None:
    if errors not in _HANDLERS:
        raise LookupError(f"the error handler {errors!r} would replace or drop characters: strict or {REPORT}")


def _decode_error(coding: HostCoding, raw: bytes, error: CharacterError, errors: str) -> Exception:
    if errors == REPORT:
        return error
    end = min(len(raw), error.position + max(1, len(error.subject) // 2))
    start = min(error.position, max(0, end - 1))
    return UnicodeDecodeError(coding.name, raw, start, end, f"{error.code}: {error.reason}")


def _decode(coding: HostCoding, raw: bytes, errors: str = "strict") -> tuple[str, int]:
    _allowed(errors)
    raw = bytes(raw)
    try:
        return coding.decode(raw), len(raw)
    except CharacterError as error:
        raise _decode_error(coding, raw, error, errors) from None


def _encode(coding: HostCoding, text: str, errors: str = "strict") -> tuple[bytes, int]:
    _allowed(errors)
    try:
        return coding.encode(text), len(text)
    except CharacterError as error:
        raise _encode_error(coding, text, error, errors) from None


def _encode_error(coding: HostCoding, text: str, error: CharacterError, errors: str) -> Exception:
    if errors == REPORT:
        return error
    end = error.position + len(error.subject.split(" "))
    return UnicodeEncodeError(coding.name, text, error.position, end, f"{error.code}: {error.reason}")


class HostDecoder(codecs.IncrementalDecoder):
    """Reads a coding piece by piece; knows its shift state and what is left of a code. Offsets count from the start."""

    def __init__(self, coding: HostCoding, errors: str = "strict") -> None:
        _allowed(errors)
        super().__init__(errors)
        self._coding = coding
        self.reset()

    def reset(self) -> None:
        """Start anew: single bytes, nothing left."""
        self._rest = b""
        self._wide = False
        self._done = 0

    def decode(self, data: Any, final: bool = False) -> str:
        """The text of what is complete by now."""
        raw = self._rest + bytes(data)
        try:
            text, used, self._wide = self._coding.feed(raw, wide=self._wide, final=final)
        except CharacterError as error:
            if self.errors == REPORT:
                raise CharacterError(error.code, self._done + error.position, error.subject, error.reason) from None
            raise _decode_error(self._coding, raw, error, self.errors) from None
        self._rest = raw[used:]
        self._done += used
        return text

    def getstate(self) -> tuple[bytes, int]:
        """What is left and the shift state."""
        return self._rest, self._done << 1 | self._wide

    def setstate(self, state: tuple[bytes, int]) -> None:
        """Go back to a state of ``getstate``."""
        self._rest, flags = state
        self._wide, self._done = bool(flags & 1), flags >> 1


class HostEncoder(codecs.IncrementalEncoder):
    """Writes a coding piece by piece: stays in double bytes between pieces and shifts back at the end."""

    def __init__(self, coding: HostCoding, errors: str = "strict") -> None:
        _allowed(errors)
        super().__init__(errors)
        self._coding = coding
        self.reset()

    def reset(self) -> None:
        """Start anew in single bytes."""
        self._wide = False
        self._held = ""

    def encode(self, text: str, final: bool = False) -> bytes:
        """The bytes of the pieces so far; the last character is held back, for a selector may follow it."""
        text = self._held + text
        cut = len(text) if final else max(0, len(text) - 2)
        while 0 < cut < len(text) and self._coding.joins(text[cut]):
            cut -= 1
        self._held = text[cut:]
        raw, _ = _encode(self._coding, text[:cut], self.errors)
        shifts = self._coding.shifts
        if shifts is None:
            return raw
        into, out = shifts.wide_in[0], shifts.wide_out
        if self._wide and raw:
            raw = raw[len(into) :] if raw.startswith(into) else out + raw
            self._wide = False
        if raw.endswith(out) and not final:
            raw, self._wide = raw[: -len(out)], True
        if final and self._wide:
            raw, self._wide = raw + out, False
        return raw

    def getstate(self) -> int:
        """Not to be kept: a text may be held back."""
        return int(self._wide)

    def setstate(self, state: int | str) -> None:
        """Go back to a shift state with nothing held back."""
        self._wide, self._held = bool(state), ""


def _gaiji_info() -> codecs.CodecInfo:
    """CP932 with the user area F040-F9FC as U+E000-E757; what would not come back is an error, not a substitute."""
    plain = codecs.lookup("cp932")

    def decode(raw: bytes, errors: str = "strict") -> tuple[str, int]:
        _allowed(errors)
        return plain.decode(raw, errors)

    def encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
        _allowed(errors)
        found = re.search(f"[{LOOK_ALIKES}]", text)
        if found:
            error = UnicodeEncodeError(GAIJI, text, found.start(), found.end(), "would become a look-alike")
            if errors == REPORT:
                _report(error)
            raise error
        return plain.encode(text, errors)

    class GaijiEncoder(codecs.IncrementalEncoder):
        def encode(self, text: str, final: bool = False) -> bytes:
            return encode(text, self.errors)[0]

    def decoder(errors: str = "strict") -> codecs.IncrementalDecoder:
        _allowed(errors)
        maker = codecs.getincrementaldecoder("cp932")
        return maker(errors)

    return codecs.CodecInfo(encode, decode, incrementalencoder=GaijiEncoder, incrementaldecoder=decoder, name=GAIJI)  # type: ignore[arg-type] # a function that makes decoders does for a class
