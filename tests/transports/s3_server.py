"""A real S3 service for tests (moto) and a vendor's client for it (boto3): neither is ours."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "renkei"


@contextmanager
def serving() -> Iterator[str]:
    """The address of a running service."""
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        made.stop()


def told(server: str, path: str, body: bytes = b"") -> None:
    """A word to the server itself."""
    asked = urllib.request.Request(f"{server}{path}", data=body, headers={"Content-Type": "text/plain"}, method="POST")
    with urllib.request.urlopen(asked, timeout=10):
        return


def client(server: str, service: str = "s3", key: str = "k", secret: str = "s") -> Any:
    """The vendor's own client."""
    return boto3.client(
        service, endpoint_url=server, region_name="ap-northeast-1", aws_access_key_id=key, aws_secret_access_key=secret
    )


def empty_bucket(server: str) -> Any:
    """An empty bucket, by the vendor's client."""
    told(server, "/moto-api/reset")
    made = client(server)
    made.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    return made
