"""Recorded values: the same for every run, and nothing in them that is a secret or this machine's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import http_examples
from contracts.capabilities import DEMO_TENANT_ID
from contracts.http_examples import Exchange
from contracts.subjects import SERVICES
from scripts.record_examples.plain import NotPlain, Plain, refuse_leftovers

BEGAN = datetime(2026, 3, 28, 17, 41, 12, 5, tzinfo=UTC)


@pytest.fixture
def plain() -> Plain:
    return Plain({"hotel-4711": "hotel-seaview", "http://127.0.0.1:4000": "https://registry.example"}, BEGAN)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ((BEGAN + timedelta(seconds=40)).isoformat(), "2027-01-04T09:00:00+00:00"),
        ((BEGAN + timedelta(days=14)).strftime("%Y-%m-%dT%H:%M:%SZ"), "2027-01-18T09:00:00Z"),
        ("2026-04-11T22:00:00Z", "2027-01-18T22:00:00Z"),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("2026-03-29", "2027-01-05"),
        ("2026-03-29 17:41 UTC", "2027-01-05 09:00 UTC"),
        ("it@hotel-4711.example", "it@hotel-seaview.example"),
        ("http://127.0.0.1:4000/v1", "https://registry.example/v1"),
        ("http://127.0.0.1:5123/stream", "https://backoffice.tenantry.example/stream"),
        ("tk_live_" + "a1B2" * 9 + "zZ", "tk_live_made-up"),
        ("whsec_" + "a1B2" * 8, "whsec_made-up"),
        ("msg_" + "0123456789abcdef" * 2, "msg_" + "0f" * 16),
        ("aZ" * 20 + "=", "A" * 40 + "="),
        ("Written by people, and long enough to be mistaken", "Written by people, and long enough to be mistaken"),
        (1_795_253_050_124_632, 1_799_053_200_000_000),
        (7, 7),
        (str(DEMO_TENANT_ID), str(DEMO_TENANT_ID)),
    ],
)  # fmt: skip
def test_values_of_one_run_become_those_of_every_run(plain: Plain, value: Any, shown: Any) -> None:
    assert plain.value(value) == shown


def test_an_id_looks_the_same_everywhere(plain: Plain) -> None:
    real = "01a1fd6b-9a0c-727f-9d70-8d9082b7daa5"
    first = plain.value({"tenant_id": real})["tenant_id"]
    assert plain.value({"scope": f"{real}/harbour"}) == {"scope": f"{first}/harbour"}
    assert plain.value({"tenant_id": real.replace("01a1", "02a1")})["tenant_id"] != first


@pytest.mark.parametrize(
    "left",
    ["http://127.0.0.1:80/x", "/tmp/data", "aZ3" * 15, "eyJhbGciOiJFUzI1NiJ9aaaaaaaaaaaaaaaaa.eyJhIjoxfQ"],  # noqa: S108  # no file is made
)
def test_what_was_left_over_is_refused(left: str) -> None:
    with pytest.raises(NotPlain):
        refuse_leftovers({"rows": [{"text": left}]})


@pytest.mark.parametrize("service", SERVICES)
def test_the_files_are_plain_and_written_as_they_are_read(service: str) -> None:
    examples = http_examples.read(service)
    refuse_leftovers([one.as_json() for several in examples.values() for one in several])
    assert http_examples.file_of(service).read_text("utf-8") == http_examples.written(examples)


def test_what_is_empty_is_not_written() -> None:
    assert Exchange(204).as_json() == {"status": 204}
    assert Exchange(200, request=False, response=0).as_json() == {
        "status": 200,
        "request": False,
        "response": 0,
    }
