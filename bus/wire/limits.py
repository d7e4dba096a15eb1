"""What one message may cost: named limits, each with its reason.

All of them are looked at before a tree is built, but for depth and the size of the header: these ask the tree, which
the other limits keep small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 16 * 1024 * 1024
"""A bulk part of 5,000 residents is about 12 MB; larger transfers are cut into parts."""

MAX_DEPTH: Final = 64
"""The standard nests 6 deep; encrypted and foreign bodies stay below 20. libxml2 alone would allow 256."""

MAX_ELEMENTS: Final = 600_000
"""A bulk part of 5,000 residents has about 500,000 elements; one element costs about 120 bytes of memory."""

MAX_NODES: Final = 1_100_000
"""Elements and texts together: a bulk part has a text in nearly every element; a text costs as much as an element."""

MAX_ATTRIBUTES: Final = 64
"""Per element, namespace declarations included. libxml2 accepts 200,000; no header block known has more than 10."""

MAX_ALL_ATTRIBUTES: Final = 200_000
"""In the message: each costs about 230 bytes. The standard has none, and xsi:nil on every item of a part is below."""

MAX_NAMESPACES: Final = 32
"""Namespace declarations per element: stacks that declare all they know on the Envelope come to about 15.

With depth 64 at most 2,048 are in scope, which bounds every look-up of a prefix.
"""

MAX_ALL_NAMESPACES: Final = 50_000
"""In the message: a stack that declares its namespaces anew on every record of a bulk part needs 5,000 to 10,000."""

MAX_NAME: Final = 50_000
"""Characters of a name: libxml2's own limit, which it enforces at no cost; the standard's longest has 40."""

MAX_NAMES: Final = 10_000
"""Different element names in a message; all units of the standard together have about 1,500."""

MAX_TEXT: Final = 8 * 1024 * 1024
"""Bytes between two tags: an encrypted bulk part is one text. libxml2 stops at 10,000,000."""

MAX_HEADER_BLOCKS: Final = 64
"""Children of the soap:Header: addressing, context, reliability and security together come to about 12."""

MAX_HEADER_ELEMENTS: Final = 2_000
"""Elements below the soap:Header: a signature over 20 parts with its certificates has about 200."""

MAX_HEADER_TEXT: Final = 256 * 1024
"""Characters of all texts below the soap:Header, and of any attribute there: ten certificates are 30 KB."""

NAMES_KEPT: Final = 4 * 1024 * 1024
"""libxml2 keeps every name a thread has ever read. After this many bytes of messages the thread starts afresh."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that ``safe_xml.parse`` enforces; all of them answer CB1006."""

    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH
    max_elements: int = MAX_ELEMENTS
    max_nodes: int = MAX_NODES
    max_attributes: int = MAX_ATTRIBUTES
    max_all_attributes: int = MAX_ALL_ATTRIBUTES
    max_namespaces: int = MAX_NAMESPACES
    max_all_namespaces: int = MAX_ALL_NAMESPACES
    max_names: int = MAX_NAMES
    max_text: int = MAX_TEXT


LIMITS: Final = Limits()
