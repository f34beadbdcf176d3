"""A blob is what its digest says, or an error: never anything else."""

import pytest

from millrace_core.errors import BadInput, NotFound
from millrace_core.storage import Corrupt, Store, digest_of


@pytest.fixture
def store(tmp_path):
    return Store(f"file://{tmp_path}/blobs")


async def test_bytes_files_and_streams_with_the_same_content_are_one_blob(store, tmp_path):
    async def stream():
        yield b"hel"
        yield b"lo"

    (tmp_path / "file").write_bytes(b"hello")
    blobs = [await store.put(b"hello"), await store.put(tmp_path / "file"), await store.put(stream())]
    assert {blob.digest for blob in blobs} == {digest_of(b"hello")}
    assert await store.read(blobs[0].digest) == b"hello"


async def test_a_body_with_another_digest_than_promised_is_refused_and_not_kept(store):
    with pytest.raises(BadInput):
        await store.put(b"hello", expected=digest_of(b"other"))
    assert not await store.exists(digest_of(b"hello"))


async def test_one_flipped_byte_is_found(store):
    blob = await store.put(b"x" * 3_000_000)
    path = store.path(blob.digest)
    damaged = bytearray(path.read_bytes())
    damaged[1_500_000] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(Corrupt):
        await store.verify(blob.digest)


@pytest.mark.parametrize("damage", [b"jello", b"hell", b""])
async def test_good_bytes_sent_again_mend_a_damaged_blob_and_disturb_no_reader(store, damage):
    blob = await store.put(b"hello")
    reader = store.path(blob.digest).open("rb")
    store.path(blob.digest).write_bytes(damage)
    with pytest.raises(Corrupt):
        await store.verify(blob.digest)
    await store.put(b"hello")
    assert await store.read(blob.digest) == b"hello"
    assert reader.read() == damage, "the old file is left to who reads it"
    reader.close()


@pytest.mark.parametrize("digest", ["../../etc/passwd", "sha256:..", "sha256:" + "A" * 64, "md5:" + "a" * 64])
async def test_a_key_that_is_no_digest_is_refused(store, digest):
    with pytest.raises(BadInput):
        await store.read(digest)


async def test_a_blob_that_is_not_there_is_not_found_and_deleting_it_is_nothing(store):
    with pytest.raises(NotFound):
        await store.read(digest_of(b"never"))
    await store.delete(digest_of(b"never"))


async def test_nothing_but_blobs_is_left_in_the_store(store, tmp_path):
    await store.put(b"one")
    assert [path.name for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == [
        digest_of(b"one")[7:]
    ]
