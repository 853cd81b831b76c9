"""What a JSON body may be; and that finding out is quick for hostile ones."""

import time

import orjson
import pytest

from chassis.json_bodies import fault_in, is_deeper


def nested(levels: int) -> bytes:
    return b'{"a":[' * (levels // 2) + b"[]" * (levels % 2) + b"]}" * (levels // 2)


@pytest.mark.parametrize("levels", [0, 1, 2, 5, 31, 32, 33, 34, 63, 64])
def test_depth_is_counted_exactly(levels: int) -> None:
    body = b"[" * levels + b"]" * levels
    assert is_deeper(body, 32) is (levels > 32)
    assert is_deeper(b"[" + b",".join([body or b"1"] * 40) + b"]", 32) is (levels + 1 > 32)


def test_brackets_in_strings_do_not_count() -> None:
    assert fault_in(orjson.dumps({"text": '[{"\\' * 500, '{"': ["]" * 100]})) is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[" * 100, "json_too_deep"),
        (b'{"a":' * 100, "json_too_deep"),
        (b'{"a":1', "json_invalid"),
        (b'"abc', "json_invalid"),
        (b'{"a":NaN}', "json_invalid"),
        (b'{"a":Infinity}', "json_invalid"),
        (b'"\\udc00"', "json_invalid"),
        (b'"\\u0000"', "json_nul"),
        (b'"\\\\\\u0000"', "json_nul"),
        (b'{"\\u0000":1}', "json_nul"),
    ],
)
def test_a_faulty_body_is_named(body: bytes, code: str) -> None:
    fault = fault_in(body)
    assert fault is not None
    assert fault[0] == code


@pytest.mark.parametrize("body", [b"1", b'"\\\\u0000"', b'{"a":[1,2,{"b":null}]}', '"é"'.encode()])
def test_a_sound_body_passes(body: bytes) -> None:
    assert fault_in(body) is None


@pytest.mark.parametrize(
    "unit", [b'\\"', b'"', b"[", b"[]", b'"a",', b"\\", b'{"a":', b"\\u0000", b'"[', b"\\\\"]
)
@pytest.mark.parametrize("start", [b"", b'"', b"[" * 40])
def test_a_hostile_mebibyte_is_judged_quickly(start: bytes, unit: bytes) -> None:
    body = start + unit * (1_048_576 // len(unit))
    began = time.process_time()
    fault_in(body)
    assert time.process_time() - began < 2.0
