"""Retraced's hash, held against values of its published client (npm `@retracedhq/retraced` 0.7.23)."""

from typing import Any

import pytest

from services.audit.records.retraced import hash_of, hash_target

EVENT: dict[str, Any] = {
    "action": "even.more.of.a.test",
    "group": {"id": "%% :: some %% customer :: %%", "name": "A Customer"},
    "actor": {"id": "user@domain.xyz", "name": "Chauncey O'Farragut"},
    "target": {"id": "some_object01234", "name": "Important Business Widget"},
    "is_anonymous": False,
    "is_failure": True,
    "fields": {";zyx=cba;abc=xyz": "nothing special", ";Zyx=Cba%Abc=Xyz": "% hi there %"},
}


def test_the_published_value_is_met() -> None:
    wanted = "5b570bff4628b35262fb401d2f6c9bb38d29e212f6e0e8ea93445b4e5a253d50"
    assert hash_of(EVENT, "abf053dc4a3042459818833276eec717") == wanted


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        ({"action": "a"}, "id:a:::::0:0::"),
        ({"action": "a", "fields": {}}, "id:a:::::0:0:"),
        ({"action": "a", "fields": None, "metadata": None, "external_id": ""}, "id:a:::::0:0::"),
        ({"action": "a", "source_ip": "::1", "metadata": {}}, "id:a::::%3A%3A1:0:0:::"),
        ({"action": "a", "external_id": "x:1", "metadata": {"k": "="}}, "id:a:::::0:0:::x%3A1:k=%3D;"),
        # U+FF5E comes after U+1F600 in UTF-16, before it in code points
        (
            {"action": "a", "fields": {"\uff5e": "1", "\U0001f600": "2"}},
            "id:a:::::0:0:\U0001f600=2;\uff5e=1;",
        ),
    ],
)
def test_absent_and_empty_members_are_told_apart_as_its_client_does(
    event: dict[str, Any], wanted: str
) -> None:
    assert hash_target(event, "id") == wanted
