"""wsu:Timestamp: the seconds a message says it was made and ends, read strictly and judged by the clock.

WSS 1.1 section 10, BSP R3203 to R3223: one Created first, at most one Expires, both in UTC, nothing else.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from lxml import etree

from bus.wire.security.names import CREATED, EXPIRES, TIMESTAMP, WSU, WSU_ID
from bus.wire.security.refusal import refuse

STRUCTURE: Final = "CB2022"
UNTIMELY: Final = "CB2028"

_UTC: Final = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(\.[0-9]{1,9})?Z"
)


def read_time(element: etree._Element, path: str) -> float:
    """The seconds since the epoch in an element. Errors: CB2022 for anything but a UTC time without leap second."""
    text = (element.text or "").strip()
    match = _UTC.fullmatch(text)
    if match is None or len(element) or element.keys():
        raise refuse(STRUCTURE, element, path, "YYYY-MM-DDThh:mm:ssZ", f"{len(text)} characters")
    try:
        year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
        whole = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        raise refuse(STRUCTURE, element, path, "a day of the calendar", text[:10]) from None
    return whole.timestamp() + float(match[7] or 0)


def read(element: etree._Element) -> tuple[float, float]:
    """Created and Expires (0.0 when absent) of a wsu:Timestamp. Errors: CB2022."""
    names = [child.tag for child in element]
    if names not in ([CREATED], [CREATED, EXPIRES]) or set(element.keys()) - {WSU_ID}:
        raise refuse(STRUCTURE, element, "wsu:Timestamp", "Created, Expires?")
    created = read_time(element[0], "wsu:Created")
    expires = read_time(element[1], "wsu:Expires") if len(names) > 1 else 0.0
    if expires and expires < created:
        raise refuse(STRUCTURE, element, "wsu:Expires", ">= Created")
    return created, expires


def judge(
    element: etree._Element, created: float, expires: float, now: float, skew_s: float, max_age_s: float
) -> float:
    """Until when the message counts. Errors: CB2028: from the future, expired, or older than the policy allows."""
    if created > now + skew_s:
        raise refuse(UNTIMELY, element, "wsu:Created", f"<= now + {skew_s:g} s", f"{created - now:.0f} s ahead")
    if now > created + max_age_s + skew_s:
        raise refuse(UNTIMELY, element, "wsu:Created", f">= now - {max_age_s:g} s", f"{now - created:.0f} s old")
    if expires and now >= expires + skew_s:
        raise refuse(UNTIMELY, element, "wsu:Expires", "> now", f"{now - expires:.0f} s ago")
    return min(expires or created + max_age_s, created + max_age_s) + skew_s


def text_of(seconds: float) -> str:
    """A time as it is written: UTC with milliseconds."""
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def write(parent: etree._Element, identifier: str, created: float, lasts_s: float) -> etree._Element:
    """Append a Timestamp to a wsse:Security header."""
    stamp = etree.SubElement(parent, TIMESTAMP, {WSU_ID: identifier}, nsmap={"wsu": WSU})
    etree.SubElement(stamp, CREATED).text = text_of(created)
    etree.SubElement(stamp, EXPIRES).text = text_of(created + lasts_s)
    return stamp
