"""No secret reaches a log: not by its name, not by its look, not in an exception, not from a foreign library."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chassis.logs import HIDDEN, redact

CHECKOUT = Path(__file__).parents[3]
JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


def redacted(**event: Any) -> dict[str, Any]:
    return redact(None, "info", event)


@pytest.mark.parametrize(
    "name",
    ["authorization", "Authorization", "dpop", "DPoP", "access_token", "refresh_token", "token", "key", "service_key",
     "api_key", "apikey", "X-Api-Key", "client_secret", "password", "passphrase", "private_jwk", "email", "e_mail",
     "nats_seed", "cookie", "Set-Cookie", "otp", "signature", "database_url"],
)  # fmt: skip
def test_a_field_named_like_a_secret_is_hidden(name: str) -> None:
    assert redacted(**{name: "x"})[name] == HIDDEN
    assert redacted(headers={name: ["x"]})["headers"][name] == HIDDEN
    assert redacted(rows=[{name: 7}])["rows"][0][name] == HIDDEN


@pytest.mark.parametrize(
    "name", ["event", "tenant_id", "keys", "monkey", "path", "device_id", "error", "seq"]
)
def test_other_fields_are_shown(name: str) -> None:
    assert redacted(**{name: "plain"})[name] == "plain"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"Bearer {JWT} refused", JWT),
        ("postgresql://app:s3cret@127.0.0.1/db is away", "s3cret"),
        ("mail to someone@example.com bounced", "someone@example.com"),
        ("signed with whsec_C2FVsBQIhrscChlQIMV", "whsec_C2FV"),
        ("key tk_live_abc123 revoked", "tk_live_abc123"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_anywhere(text: str, hidden: str) -> None:
    for shown in (redacted(event=text), redacted(error=[text]), redacted(a={"b": (text,)})):
        assert hidden not in json.dumps(shown)


PROGRAM = f"""
import logging, structlog
from chassis import logs
logs.setup("test")
log = structlog.get_logger("x")
log.info("said", tenant_id="t-1", access_token="hush1", nested={{"password": "hush2"}})
try:
    raise RuntimeError("postgresql://app:hush3@db/x and {JWT}")
except RuntimeError:
    log.exception("broke")
    logging.getLogger("foreign").exception("foreign %s", "someone@hush4.example")
"""


def test_a_process_logs_json_lines_without_secrets() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=60
    )
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["event"].split()[0] for line in lines] == ["said", "broke", "foreign"]
    assert "hush" not in ran.stderr
    assert JWT not in ran.stderr
    assert lines[0]["tenant_id"] == "t-1"
    assert {line["service"] for line in lines} == {"test"}
    assert "RuntimeError" in lines[1]["exception"]
    assert "RuntimeError" in lines[2]["exception"]
    assert ran.stdout == ""


def test_quiet_libraries_are_not_made_loud() -> None:
    assert logging.getLogger("httpx").getEffectiveLevel() >= logging.WARNING
