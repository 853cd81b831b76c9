"""What becomes of an event's envelope and body: columns, words, and what is sealed."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from contracts.catalogue import EVENT_TYPES
from contracts.envelope import Message
from contracts.event import ACTOR, Part
from services.audit.records.entry import class_of, crud_of, record_of
from services.audit.records.record import leaf_of
from tests.integration.chassis.numbered_events import numbered

NONCE = bytes(16)


def message(type_: str, body: dict[str, Any], actor_id: str = "u-1") -> Message:
    envelope = replace(numbered(1).envelope, type=type_, actor_id=actor_id, actor_type="user")
    return Message(envelope, orjson.dumps(body))


@pytest.mark.parametrize(
    ("type_", "crud", "class_"),
    [
        ("registry.tenant.created.v1", "c", "standard"),
        ("registry.tenant.deleted.v1", "d", "standard"),
        ("registry.tenant.plan_changed.v1", "u", "standard"),
        ("registry.impersonation.started.v1", "c", "critical"),
        ("bff.backoffice.lock_action.requested.v1", "c", "critical"),
        ("audit.subject.erased.v1", "d", "critical"),
    ],
)
def test_a_type_says_what_was_done_and_how_grave_it_is(type_: str, crud: str, class_: str) -> None:
    assert (crud_of(type_), class_of(type_)) == (crud, class_)


def test_the_body_fills_the_columns_that_it_speaks_of() -> None:
    told = {"product": "notetaker", "on_behalf_of": "u-9", "impersonation_id": "i-1", "session_id": "s-1"}
    record = record_of(message("registry.product_action.failed.v1", {**told, "note": "Réglé à 9 h"}))
    assert {name: getattr(record, name) for name in told} == told
    assert record.is_failure
    assert (record.crud, record.actor_type) == ("u", "user")
    assert record.words is not None
    assert "Regle a 9 h" in record.words


def test_a_marked_field_is_sealed_before_the_leaf_and_not_searched_as_text() -> None:
    record = record_of(message("registry.device.revoked.v1", {"reason": "lost by Anna"}))
    assert [(one.path, one.subject) for one in record.personal] == [(("data", "reason"), "u-1")]
    assert "Anna" not in str(record.words)
    with pytest.raises(ValueError, match="not sealed"):
        leaf_of(record, record.happened_at, NONCE)


def test_an_id_that_tells_of_a_person_is_marked() -> None:
    record = record_of(message("registry.tenant.created.v1", {}, actor_id="ann@hotel.example"))
    assert [one.path for one in record.personal] == [("actor", "id")]


def test_marks_name_fields_of_the_same_event_and_no_part_has_one() -> None:
    for event in EVENT_TYPES.values():
        for name, of in event.personal_fields().items():
            assert of == ACTOR or of in event.model_fields, f"{event.type}: {name} is personal data of {of}"
    for part in Part.__subclasses__():
        marked = [field for field in part.model_fields.values() if field.json_schema_extra]
        assert part.__name__ == "Event" or not marked, part
