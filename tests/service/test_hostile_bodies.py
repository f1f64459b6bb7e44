"""Hostile bodies, packed, of JSON and of arrays, beside somebody else's small picture."""

import gzip

import pytest

from tests.service.running import PNG, Running
from tests.service.test_attacks import MEBIBYTE, post

pytestmark = pytest.mark.slow

NPY = {"Content-Type": "application/x-npy"}


def npy_header(height: int, width: int) -> bytes:
    """The header of an array that lacks its values."""
    text = b"{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d, 3), }" % (height, width)
    return b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text


GZIP = {**PNG, "Content-Encoding": "gzip"}
JSON = {"Content-Type": "application/json"}
DOORS = {
    "a gzip bomb": (lambda: gzip.compress(bytes(10**9), 1), GZIP, "body_too_large"),
    "a gzip of a gzip bomb": (
        lambda: gzip.compress(gzip.compress(bytes(10**9), 1)),
        GZIP,
        "unsupported_image",
    ),
    "members of nothing": (lambda: gzip.compress(b"") * 10**6, GZIP, "broken_encoding"),
    "JSON of 60 MB": (
        lambda: b'{"image": "' + b"QUJD" * (15 * 10**6) + b'"}',
        JSON,
        "unsupported_image",
    ),
    "JSON of 60 MB beside the picture": (
        lambda: b'{"prompt": "' + b"a" * (60 * 10**6) + b'"}',
        JSON,
        "broken_json",
    ),
    "JSON of brackets": (lambda: b"[" * (60 * 10**6), JSON, "broken_json"),
    "JSON of escapes": (
        lambda: b'{"image": "' + b"\\u002B" * (10 * 10**6) + b'"}',
        JSON,
        "unsupported_image",
    ),
    "an array that lies": (lambda: npy_header(60_000, 50_000), NPY, "broken_image"),
    "an array that is large": (lambda: npy_header(10**9, 10**9), NPY, "broken_image"),
}
"""What is sent, with which headers, and the code of the refusal."""


@pytest.mark.parametrize("name", DOORS)
def test_no_door_costs_more_memory_than_a_body_may(name):
    make, headers, code = DOORS[name]
    body = make()
    with Running() as service:
        attack = post(service, body, headers)
        assert service.victim() < 5
        attack.end()
        assert attack.answer is None or attack.answer.json()["code"] == code
        assert service.metric(f'restore_refusals_total{{code="{code}"}}') == 1
        assert service.metric("restore_held_bytes") == 0
        assert service.growth < 64 * 2 * MEBIBYTE + 32 * MEBIBYTE  # the body, and joined once
        assert attack.seconds < 20


def test_packed_bodies_together_hold_no_more_than_is_allowed():
    bomb = gzip.compress(bytes(60 * 10**6), 1)
    with Running(queue_bytes=80 * 10**6, max_body_bytes=64 * 10**6) as service:
        attacks = [post(service, bomb, GZIP) for _ in range(6)]
        assert service.victim() < 10
        for attack in attacks:
            attack.end()
        assert service.metric("restore_held_bytes") == 0
        assert service.growth < 2 * 80 * MEBIBYTE + 32 * MEBIBYTE
