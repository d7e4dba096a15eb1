"""Exclusive canonical XML without comments, of an element in its place; libxml2 does the work.

lxml canonicalises a part of a document as a document of its own. For exclusive canonicalisation that is the same,
as it looks only at names that are used. An InclusiveNamespaces prefix list also asks for prefixes that are merely in
scope: then the element is first written out and read again, with everything in scope declared on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lxml import etree

from bus.wire import safe_xml
from bus.wire.security.refusal import refuse

MAX_PREFIXES: Final = 64
"""Prefixes of one list; stacks name those of the envelope, up to a dozen."""

DEFAULT: Final = "#default"
STRUCTURE: Final = "CB2022"
ALGORITHM: Final = "CB2023"


def canonical(element: etree._Element, prefixes: Sequence[str] = ()) -> bytes:
    """The canonical bytes of ``element``; ``prefixes`` is the list of InclusiveNamespaces.

    Errors: CB2022 for a part that has no canonical form (its namespace is a relative URI); CB2023 for ``#default``
    where there is a default namespace, which lxml does not pass on to libxml2.
    """
    try:
        return _canonical(element, prefixes)
    except etree.C14NError:
        raise refuse(
            STRUCTURE, element, "ds:Reference", "namespaces that are absolute URIs", "a relative one"
        ) from None


def _canonical(element: etree._Element, prefixes: Sequence[str]) -> bytes:
    if not prefixes:
        return etree.tostring(element, method="c14n", exclusive=True, with_comments=False)
    if DEFAULT in prefixes and any(None in each.nsmap for each in element.iter()):
        raise refuse(ALGORITHM, element, "ec:InclusiveNamespaces", "prefixes", DEFAULT)
    alone = safe_xml.parse_again(etree.tostring(element, encoding="utf-8", with_tail=False))
    kept = [prefix for prefix in prefixes if prefix != DEFAULT]
    return etree.tostring(alone, method="c14n", exclusive=True, with_comments=False, inclusive_ns_prefixes=kept or None)
