"""S3 against a server that nobody here wrote (moto), with a client that nobody here wrote (boto3) on the other side."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.transports import s3
from adapters.transports.s3 import S3Place, read_address
from bus.core.errors import AdapterError, ConfigurationError
from tests.transports.s3_server import BUCKET, client, empty_bucket, serving, told

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a running S3 service."""
    with serving() as address:
        yield address


@pytest.fixture
def bucket(server: str) -> Any:
    """An empty bucket, by the vendor's client."""
    return empty_bucket(server)


@pytest.fixture
async def place(server: str, bucket: Any) -> AsyncIterator[S3Place]:
    """The folder ``out`` of the bucket."""
    assert bucket is not None
    made = S3Place(read_address(f"{server}/{BUCKET}/juki"), "k", "s", "out", stall_s=10.0)
    await made.connect()
    yield made
    await made.close()


def body(bucket: Any, key: str) -> bytes:
    """An object's bytes, by the vendor's client."""
    found: bytes = bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return found


def keys(bucket: Any) -> set[str]:
    """Every object's key."""
    return {one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", ())}


async def read(place: S3Place, name: str, offset: int = 0) -> bytes:
    """A whole object."""
    return b"".join([chunk async for chunk in place.read(name, offset)])


async def test_a_folder_of_many_pages_is_listed_whole_and_without_what_lies_below(place: S3Place, bucket: Any) -> None:
    """1,003 objects (two pages of the server), one in a folder below, one in another folder."""
    for number in range(1003):
        bucket.put_object(Bucket=BUCKET, Key=f"juki/out/IDO_{number:04d}.csv", Body=b"x" * (number % 7))
    bucket.put_object(Bucket=BUCKET, Key="juki/out/done/IDO_9999.csv", Body=b"old")
    bucket.put_object(Bucket=BUCKET, Key="juki/in/A.csv", Body=b"other")
    found = await place.listing()
    assert [one.name for one in sorted(found, key=lambda one: one.name)] == [f"IDO_{n:04d}.csv" for n in range(1003)]
    assert {one.size for one in found} == set(range(7))
    assert len({one.version for one in found}) == 7


async def test_an_object_is_read_from_any_byte(place: S3Place, bucket: Any) -> None:
    """What came before a break is not read again; an offset at the end is nothing; one that is gone is told."""
    data = bytes(range(256)) * 9000
    bucket.put_object(Bucket=BUCKET, Key="juki/out/A.DAT", Body=data)
    assert await read(place, "A.DAT") == data
    assert await read(place, "A.DAT", 1_000_001) == data[1_000_001:]
    assert await read(place, "A.DAT", len(data)) == b""
    with pytest.raises(AdapterError) as caught:
        await read(place, "B.DAT")
    assert caught.value.code == "CB6009"


@pytest.mark.parametrize("size", [0, 1000, (8 << 20) + 17, 13 << 20])
async def test_a_file_appears_whole_under_its_name_and_replaces_nothing(
    place: S3Place, bucket: Any, tmp_path: Path, size: int
) -> None:
    """Small by a conditional PUT, large by parts and a conditional copy; another of that name is CB6063."""
    path = tmp_path / "KAITO.csv"
    path.write_bytes(b"\x5a" * size)
    await place.stage(path, path.name)
    assert await place.staged(path.name)
    assert [one.name for one in await place.listing()] == []
    await place.publish(path, path.name)
    assert body(bucket, "juki/out/KAITO.csv") == path.read_bytes()
    assert keys(bucket) == {"juki/out/KAITO.csv"}
    assert not await place.staged(path.name)
    path.write_bytes(b"\x5b" * size + b"another")
    await place.stage(path, path.name)
    with pytest.raises(AdapterError) as caught:
        await place.publish(path, path.name)
    assert caught.value.code == "CB6063"
    assert body(bucket, "juki/out/KAITO.csv") == b"\x5a" * size


async def test_objects_are_put_away_under_a_number_or_deleted_and_marks_written(place: S3Place, bucket: Any) -> None:
    """Twice changes nothing more."""
    for number in range(2):
        bucket.put_object(Bucket=BUCKET, Key="juki/out/A.csv", Body=b"%d" % number)
        await place.put_away("A.csv", "done")
    await place.put_away("A.csv", "done")
    await place.put_away("A.csv", "")
    assert {body(bucket, f"juki/out/done/{name}") for name in ("A.csv", "A.csv.2")} == {b"0", b"1"}
    for _ in range(2):
        await place.write("B.csv.END", b"")
    assert await place.look("A.csv") is None
    found = await place.look("B.csv.END")
    assert found is not None
    assert found.size == 0


async def test_requests_are_signed_and_a_wrong_secret_is_refused(server: str, bucket: Any) -> None:
    """The server checks SigV4: CB6061 for the wrong secret, the listing for the right one; no secret in any text."""
    bucket.put_object(Bucket=BUCKET, Key="A.csv", Body=b"1")
    access = client(server, "iam")
    access.create_user(UserName="renkei")
    policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    access.put_user_policy(UserName="renkei", PolicyName="s3", PolicyDocument=json.dumps(policy))
    made = access.create_access_key(UserName="renkei")["AccessKey"]
    told(server, "/moto-api/reset-auth", b"0")
    try:
        right = S3Place(read_address(f"{server}/{BUCKET}"), made["AccessKeyId"], made["SecretAccessKey"])
        await right.connect()
        assert [one.name for one in await right.listing()] == ["A.csv"]
        wrong = S3Place(read_address(f"{server}/{BUCKET}"), made["AccessKeyId"], "another")
        await wrong.connect()
        with pytest.raises(AdapterError) as caught:
            await wrong.listing()
        assert caught.value.code == "CB6061"
        assert made["SecretAccessKey"] not in repr(right)
        assert "another" not in f"{caught.value} {wrong!r}"
    finally:
        told(server, "/moto-api/reset-auth", b"1000000")


async def test_a_server_that_is_away_or_a_bucket_that_is_not_there_is_told() -> None:
    """CB6009, to be tried again later."""
    place = S3Place(read_address("http://127.0.0.1:9/none"), "k", "s", stall_s=1.0)
    await place.connect()
    with pytest.raises(AdapterError) as caught:
        await place.listing()
    assert caught.value.code in {"CB6009", "CB6011"}
    await place.close()
    with contextlib.suppress(AdapterError):
        await place.listing()


@pytest.mark.parametrize(
    "text",
    [
        "http://objects.example.jp/bucket",
        "https://k:s@example.jp/b",
        "https://example.jp/",
        "s3://bucket",
        "https://h/b?x=1",
    ],
)
def test_an_address_without_protection_or_bucket_is_refused(text: str) -> None:
    """CB7001: http only to this machine, and no credential in an address."""
    with pytest.raises(ConfigurationError) as caught:
        read_address(text)
    assert caught.value.code == "CB7001"
    assert s3.ONE_PUT > 0
