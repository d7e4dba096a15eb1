"""Vendor C's bucket: a real S3 service (moto), and the vendor's own uploader (boto3) between it and its systems.

    python deploy/examples/town/bucket.py --port N --folder FOLDER --units a,b

What a system of vendor C puts into ``<unit>/out`` goes to ``<unit>/out/`` of the bucket, its end mark last; what
stands complete in ``<unit>/in/`` and ``<unit>/irai/`` there is brought to the system's folders. Nothing of this is
ours: the adapters meet the bucket through their own client. Files are taken away where they came from.
"""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3
from moto.server import ThreadedMotoServer

BUCKET: Final = "c-sha"
REGION: Final = "ap-northeast-1"
END: Final = ".END"
EVERY_S: Final = 0.3
SENT: Final = ("out",)
TAKEN: Final = ("in", "irai")


@dataclass(slots=True)
class Uploader:
    """The vendor's programme that keeps the folders of its systems and the bucket in step."""

    client: Any
    folder: Path
    units: tuple[str, ...]

    def round(self) -> None:
        """Upload what is complete below ``out``, bring what is complete for the other folders."""
        for unit in self.units:
            for name in SENT:
                self._upload(f"{unit}/{name}")
            for name in TAKEN:
                self._bring(f"{unit}/{name}")

    def _upload(self, place: str) -> None:
        for mark in sorted((self.folder / place).glob(f"*{END}")):
            path = mark.with_name(mark.name.removesuffix(END))
            self.client.put_object(Bucket=BUCKET, Key=f"{place}/{path.name}", Body=path.read_bytes())
            self.client.put_object(Bucket=BUCKET, Key=f"{place}/{mark.name}", Body=b"")
            mark.unlink()
            path.unlink()

    def _bring(self, place: str) -> None:
        names = set(self._names(f"{place}/"))
        for name in sorted(names):
            mark = f"{name}{END}"
            if mark not in names:
                continue
            data = self.client.get_object(Bucket=BUCKET, Key=f"{place}/{name}")["Body"].read()
            target = self.folder / place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            hidden = target.with_name(f".{name}.tmp")
            hidden.write_bytes(data)
            hidden.replace(target)
            target.with_name(mark).touch()
            for one in (mark, name):
                self.client.delete_object(Bucket=BUCKET, Key=f"{place}/{one}")

    def _names(self, prefix: str) -> Iterable[str]:
        for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix, Delimiter="/"):
            for one in page.get("Contents", ()):
                yield one["Key"].removeprefix(prefix)


def main() -> None:
    """Serve and carry until told to end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--units", required=True)
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=arguments.port, verbose=False)
    server.start()
    key, _, secret = os.environ["BUCKET_KEY"].partition(":")
    client = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{arguments.port}",
        region_name=REGION,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    uploader = Uploader(client, arguments.folder, tuple(arguments.units.split(",")))
    while not ended.wait(EVERY_S):
        uploader.round()
    server.stop()


if __name__ == "__main__":
    main()
