"""What an export shows of persons: by who asks, before and after an erasure, from the table and from bundles."""

import csv
import io
from typing import Any

import httpx
import pypdfium2
import pytest

from chassis.ids import uuid7
from tests.integration.audit.asking import Asker, manifest_of
from tests.integration.audit.publishing import event, new_token, post
from tests.integration.audit.test_export_verifier import Files
from tests.integration.audit.test_personal import TENANT, erase
from tests.integration.audit.tokens import TestIssuer

PRODUCT = "desk"


@pytest.fixture
async def token(audit: httpx.AsyncClient, issuer: TestIssuer) -> str:
    made: str = (await new_token(audit, issuer, TENANT))["token"]
    return made


def cells(files: Files) -> list[dict[str, Any]]:
    """The lines of all CSV files that tell of a booking."""
    names = [name for name in files if name.endswith(".csv")]
    lines = [line for name in names for line in csv.DictReader(io.StringIO(files[name].decode(), newline=""))]
    return [line for line in lines if line["action"] == "booking.updated"]


def text_of(pdf: bytes) -> str:
    with pypdfium2.PdfDocument(pdf) as document:
        found = []
        for page in document:
            text = page.get_textpage()
            found.append(text.get_text_bounded())
            text.close()
            page.close()
        return "\n".join(found)


async def test_a_reader_sees_names_an_auditor_sees_that_they_are_sealed(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str
) -> None:
    await post(audit, token, event())
    for role, name in (("LEGAL", "Ann Müller"), ("AUDITOR", "[sealed]")):
        files = await Asker(audit, issuer, TENANT, role).files()
        [line] = cells(files)
        assert line["actor_name"] == name
        assert ("Ann Müller" in text_of(files["compliance-audit.pdf"])) is (role == "LEGAL")
        assert manifest_of(files)["personal_data"] == ("shown" if role == "LEGAL" else "sealed")
        assert b"Ann M" not in files["audit.jsonl"]


async def test_an_auditor_does_not_get_the_link_to_what_shows_names(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str
) -> None:
    await post(audit, token, event())
    found = await Asker(audit, issuer, TENANT).exported()
    auditor = Asker(audit, issuer, TENANT, "AUDITOR")
    assert (await auditor.show(found["export_id"]))["link"] is None
    assert (await auditor.exported())["link"]


async def test_who_was_erased_is_in_no_export_and_the_proof_holds(
    audit: httpx.AsyncClient, issuer: TestIssuer, token: str
) -> None:
    await post(audit, token, event(external_id=str(uuid7())))
    done = await erase(audit, issuer, "u-17")
    assert done.status_code == 201, done.text
    files = await Asker(audit, issuer, TENANT).files()
    [line] = cells(files)
    assert line["actor_name"] == f"[erased {done.json()['erased_at']}]"
    assert manifest_of(files)["range_complete"] is True
    for name, data in files.items():
        if name != "verify.py":
            assert "Müller".encode() not in data, name
