"""Lines are cut into batches by their number, and sent without waiting for more when none come."""

import threading
from types import SimpleNamespace

import pytest

from millrace import streaming


def test_lines_become_batches_and_blank_ones_go():
    lines = [b'{"n": 1}\n', b"\n", b'{"n": 2}\n', b'{"n": 3}']
    assert list(streaming.batches(lines, 2)) == [[b'{"n": 1}\n', b'{"n": 2}\n'], [b'{"n": 3}\n']]
    assert list(streaming.batches([], 2)) == []


def test_a_batch_is_sent_when_no_line_comes_for_a_while():
    more = threading.Event()

    def slow():
        yield b"1\n"
        assert more.wait(10)
        yield b"2\n"

    batches = streaming.batches(slow(), 100, idle=0.01)
    assert next(batches) == [b"1\n"]
    more.set()
    assert next(batches) == [b"2\n"]


def test_lines_that_cannot_be_read_on_are_no_end():
    def broken():
        yield b"1\n"
        raise OSError("the disk is gone")

    batches = streaming.batches(broken(), 100)
    assert next(batches) == [b"1\n"]
    with pytest.raises(OSError, match="the disk is gone"):
        next(batches)


def test_a_stream_with_a_name_has_the_same_keys_again():
    sent = []

    def stream_rows(loop, rows, key):
        sent.append((loop, rows, key))
        return SimpleNamespace(rows=rows.count(b"\n"), unreadable=0, repeated=len(sent) > 2, number=len(sent))

    client = SimpleNamespace(training=SimpleNamespace(stream_rows=stream_rows))
    lines = [b"1\n", b"2\n", b"3\n"]
    first = streaming.stream(client, "shop", lines, batch=2, key="export")
    again = streaming.stream(client, "shop", lines, batch=2, key="export")
    assert (first.rows, first.batches, first.repeated, again.repeated) == (3, 2, 0, 3)
    assert sent[:2] == sent[2:] == [("shop", b"1\n2\n", "export-1"), ("shop", b"3\n", "export-2")]
