"""s3-fetch and s3-send in a running adapter: files of a bucket become notices, files for the vendor appear once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from adapters.host import process
from adapters.population import Town
from adapters.transports.file_drop import write_file
from bus.core.errors import ConfigurationError
from tests.host.place import Place, ido_file
from tests.host.test_transports import with_transports
from tests.support.polling import until_async
from tests.transports.s3_server import BUCKET, empty_bucket, serving

pytestmark = pytest.mark.slow

NOTICE = "juki.ido_tsuchi"
TRANSPORTS = """
[[transport]]
id = "ido-s3"
kind = "s3-fetch"
address = "s3"
auth = "s3_key"
remote = "out"
pattern = "IDO_*.DAT"
folder = "out"
marker = "sha256"
poll_s = 0.05

[[transport]]
id = "kaito-s3"
kind = "s3-send"
address = "s3"
auth = "s3_key"
remote = "in"
pattern = "*.CSV"
folder = "kaito"
marker = "manifest"
poll_s = 0.05
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A running S3 service."""
    with serving() as address:
        yield address


def keys(bucket: Any) -> set[str]:
    """Every object's key."""
    return {one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", ())}


def world(place: Place, server: str, secret: str = "k:s") -> None:
    """A社 juki with a bucket."""
    with_transports(place, TRANSPORTS)
    place.settings["a-juki"] |= {"s3": f"{server}/{BUCKET}/juki", "s3_key": "secrets/s3.key", "kaito": "sim/kaito"}
    place.write()
    path = place.folder / "secrets" / "s3.key"
    path.write_text(f"{secret}\n", "utf-8")
    path.chmod(0o600)


async def test_files_of_a_bucket_become_notices_and_files_for_the_vendor_appear_there(
    place: Place, server: str
) -> None:
    """Fetched whole by their marks, put away in the bucket; sent with a manifest; once each over a restart."""
    bucket = empty_bucket(server)
    world(place, server)
    town = list(islice(Town.generate(8, 3).current(), 5))
    data = ido_file(town)
    bucket.put_object(Bucket=BUCKET, Key="juki/out/IDO_0001.DAT", Body=data)
    answer = place.folder / "sim" / "kaito"
    for turn in range(2):
        async with place.running("a-juki"):
            mark = f"{hashlib.sha256(data).hexdigest()}  IDO_0001.DAT\n".encode()
            if turn == 0:
                bucket.put_object(Bucket=BUCKET, Key="juki/out/IDO_0001.DAT.sha256", Body=mark)
                write_file(answer, "KAITO_01.CSV", b"1,2,3\r\n")
            await until_async(lambda: len(place.bus.of(NOTICE)) == 5, within_s=30)
            await until_async(lambda: "juki/in/KAITO_01.CSV.manifest.json" in keys(bucket), within_s=30)
            await until_async((answer / "done" / "KAITO_01.CSV").exists, within_s=30)
            await until_async(lambda: "juki/out/done/IDO_0001.DAT.sha256" in keys(bucket), within_s=30)
            await place.idle("a-juki")
    assert keys(bucket) == {
        "juki/in/KAITO_01.CSV",
        "juki/in/KAITO_01.CSV.manifest.json",
        "juki/out/done/IDO_0001.DAT",
        "juki/out/done/IDO_0001.DAT.sha256",
    }
    assert bucket.get_object(Bucket=BUCKET, Key="juki/in/KAITO_01.CSV")["Body"].read() == b"1,2,3\r\n"
    assert {one.records[0]["atenabango"] for one in place.bus.of(NOTICE)} == {one["atenabango"] for one in town}
    assert place.bus.repeats == 0


async def test_another_file_of_that_name_in_the_bucket_is_left_as_it_is(place: Place, server: str) -> None:
    """CB6063: the file goes to error/, the vendor's stays."""
    bucket = empty_bucket(server)
    world(place, server)
    bucket.put_object(Bucket=BUCKET, Key="juki/in/KAITO_01.CSV", Body=b"the vendor's")
    answer = place.folder / "sim" / "kaito"
    async with place.running("a-juki"):
        write_file(answer, "KAITO_01.CSV", b"ours")
        await until_async((answer / "error" / "KAITO_01.CSV").exists, within_s=30)
    assert bucket.get_object(Bucket=BUCKET, Key="juki/in/KAITO_01.CSV")["Body"].read() == b"the vendor's"


def test_a_key_file_of_another_form_stops_the_start(place: Place, server: str) -> None:
    """CB7001 names the transport; the file's text is told nowhere."""
    world(place, server, secret="only-a-token")
    with pytest.raises(ConfigurationError) as caught:
        process.load(place.folder, "a-juki")
    assert caught.value.code == "CB7001"
    assert "only-a-token" not in str(caught.value)
