"""The kinds of flows and transports that an ``adapter.toml`` may declare, and the keys of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

COMMON = ("id", "kind", "operation", "operations", "purpose", "note")
_REQUEST = ("request_layout", "request_mapping", "reply_layout", "reply_mapping")
OPTIONAL = "optional"
"""Of a transport: it is there only where the site's settings have its address."""
CREDENTIALS = ("auth", "oauth", "host_key", "key_file")
_FETCH = (
    "marker", "mark", "after", "after_folder", "poll_s", "settle_s", "stall_s", "max_bytes", "end_mark", OPTIONAL,
)  # fmt: skip
_SEND = ("marker", "mark", "poll_s", "stall_s", "verify", "end_mark", OPTIONAL)
_ACCESS = ("auth", "oauth", "scope", "ca")
_WEB = ("address", "auth", "oauth", "ca")
_SOAP = ("wsdl", "soap_operation")
_SERVICE = ("service", "port")
_RESULT = ("result_at", "result_ok", "result_retry", "result_none")
_PAGES = ("items", "next", "page_param", "since_param", "cursor")
_BUCKET = ("address", "auth", "folder")
_BUCKET_MORE = ("remote", "region", "ca")
_SSH = ("address", "host_key", "key_file", "folder")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of flow asks for. ``settings`` are keys whose value names a key of the site's settings."""

    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "file-to-bus": Kind(("folder", "pattern", "layout", "mapping", "operation"), ("end_mark",), ("folder",)),
        "file-to-bulk": Kind(
            ("folder", "pattern", "layout", "mapping", "operation", "shubetsu"),
            ("end_mark", "part_records", "request_folder", "request_name", "request_text"),
            ("folder", "request_folder"),
        ),
        "bus-to-tcp": Kind(("operation", "address", "request_code", *_REQUEST), ("deadline_s", "pool"), ("address",)),
        "bus-to-file": Kind(
            ("operations", "folder", "file_name", "layout", "mapping"),
            ("end_mark", "batch_records", "batch_s", "header"),
            ("folder",),
        ),
        "bus-to-rest": Kind(
            ("operations", "address", "method", "path", "layout", "mapping"),
            (*_ACCESS, "deadline_s", "concurrency", "key_header"),
            _WEB,
        ),
        "request-file-to-bus": Kind(
            ("folder", "pattern", "operation", "reply_folder", "reply_name", *_REQUEST),
            ("end_mark", "result_field", "code_field", "echo", "deadline_s", "concurrency", "answer_within_s"),
            ("folder", "reply_folder"),
        ),
        "rest-to-bus": Kind(
            ("operation", "path", *_REQUEST),
            ("auth", "result_field", "code_field", "items_field", "deadline_s"),
            ("auth",),
        ),
        "bus-to-file-exchange": Kind(
            ("operation", "folder", "file_name", "reply_folder", "reply_pattern", "number_field", *_REQUEST),
            ("end_mark", "result_field", "batch_records", "batch_s"),
            ("folder", "reply_folder"),
        ),
        "bus-to-rest-query": Kind(
            ("operation", "address", "path", "reply_layout", "reply_mapping", "request_layout", "request_mapping"),
            ("method", *_ACCESS, "deadline_s", "connections"),
            _WEB,
        ),
        "bus-to-soap": Kind(
            ("operations", "address", *_SOAP, "layout", "mapping"),
            (*_ACCESS, *_SERVICE, *_RESULT, "path", "record_at", "constants", "deadline_s", "concurrency"),
            _WEB,
        ),
        "bus-to-soap-query": Kind(
            ("operation", "address", *_SOAP, "items_at", *_REQUEST),
            (*_ACCESS, *_SERVICE, *_RESULT, "path", "record_at", "constants", "deadline_s", "connections"),
            _WEB,
        ),
        "bus-to-table": Kind(
            ("operations", "address", "table", "key_column", "layout", "mapping"),
            ("auth", "columns", "deadline_s", "concurrency"),
            ("address", "auth"),
        ),
        "soap-to-bus": Kind(
            ("operation", "path", *_SOAP, "layout", "mapping"),
            (*_SERVICE, "auth", "record_at", "key_at", "answer"),
            ("auth",),
        ),
        "soap-query-to-bus": Kind(
            ("operation", "path", *_SOAP, *_REQUEST),
            (*_SERVICE, "auth", "record_at", "items_at", "result_at", "answer", "deadline_s"),
            ("auth",),
        ),
    }
)
TRANSPORTS: Mapping[str, Kind] = MappingProxyType(
    {
        "sftp-fetch": Kind((*_SSH, "remote", "pattern"), _FETCH, _SSH),
        "sftp-send": Kind((*_SSH, "remote", "pattern"), _SEND, _SSH),
        "objects-fetch": Kind(("address", "folder", "pattern"), ("remote", *_FETCH), ("address", "folder")),
        "objects-send": Kind(("address", "folder", "pattern"), ("remote", *_SEND), ("address", "folder")),
        "s3-fetch": Kind((*_BUCKET, "pattern"), (*_BUCKET_MORE, *_FETCH), (*_BUCKET, "ca")),
        "s3-send": Kind((*_BUCKET, "pattern"), (*_BUCKET_MORE, *_SEND), (*_BUCKET, "ca")),
        "rest-fetch": Kind(
            ("address", "path", "folder", "file_name"),
            ("key", *_ACCESS, *_PAGES, "deadline_s", "poll_s", "end_mark", "format", "max_bytes", OPTIONAL),
            (*_WEB, "folder"),
        ),
        "table-fetch": Kind(
            ("address", "view", "key", "folder", "file_name"),
            ("auth", "cursor", "page_rows", "deadline_s", "poll_s", "end_mark", OPTIONAL),
            ("address", "auth", "folder"),
        ),
        "rest-send": Kind(
            ("address", "path", "folder", "pattern"),
            (*_ACCESS, "method", "content_type", "deadline_s", "poll_s", "end_mark", OPTIONAL),
            (*_WEB, "folder"),
        ),
    }
)
"""What carries files between a vendor's place and a local folder; the flows read and write only the folder."""

KEY_TYPES: Mapping[str, type] = MappingProxyType(
    {
        OPTIONAL: bool,
        "operations": list,
        "echo": list,
        "key": list,
        "result_ok": list,
        "result_retry": list,
        "result_none": list,
        "constants": dict,
        "columns": dict,
        "page_rows": int,
        "answer": dict,
        "header": dict,
        "part_records": int,
        "batch_records": int,
        "pool": int,
        "concurrency": int,
        "connections": int,
        "batch_s": float,
        "deadline_s": float,
        "answer_within_s": float,
        "poll_s": float,
        "settle_s": float,
        "stall_s": float,
        "max_bytes": int,
    }
)
CHOICES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "marker": ("end", "sha256", "manifest", "none"),
        "after": ("move", "delete", "keep"),
        "verify": ("size", "content"),
        "format": ("records", "file"),
    }
)
