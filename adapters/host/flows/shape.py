"""Stop a file whose records have another shape than declared or accepted: it stays, and nothing of it is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.host.flows.reading import VendorFile, error_list, list_name
from adapters.host.store import Store
from adapters.host.store.files import REFUSED
from adapters.host.translate import Translator
from adapters.mapping.drift import STOPS, changes, declared, load_profile, shape
from adapters.transports.file_drop import ERROR
from bus.core.errors import AdapterError

LOOK = 4 * 1024 * 1024
"""Bytes from a file's beginning that its shape is judged by."""


def accepted_path(store: Path, flow: str) -> Path:
    """Where ``chiikibus adapter drift --accept`` writes the accepted profile of a flow: beside the adapter's store."""
    return store.with_name(f"{store.stem}.{flow}.shape.json")


def hold_to_shape(store: Store, flow: str, translator: Translator, file: VendorFile) -> None:
    """Raise AdapterError CB6040 or CB6041 with every change, before and after, and write them into the error list."""
    layout = translator.codec.layout
    with file.drop.opened(file.path) as stream:
        after = shape(layout, stream.read(LOOK))
    before = declared(layout)
    path = accepted_path(store.path, flow)
    if path.is_file():
        try:
            before = load_profile(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError):
            before = declared(layout)  # an unreadable profile accepts nothing
    found = [replace(one, place=f"file={file.name}") for one in changes(before, after) if one.code in STOPS]
    if found:
        listed = error_list([(0, REFUSED, found[0].code, tuple(found))])
        told = file.drop.folder / ERROR / list_name(file.name)
        if not told.is_file() or told.read_bytes() != listed:
            file.drop.write_beside(ERROR, told.name, listed)
        raise AdapterError(found[0].code, found)
