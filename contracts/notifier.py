"""What the notifier says: what became of mails and webhook messages."""

from typing import ClassVar, Literal
from uuid import UUID

from contracts.event import Event, Time


class MailEvent(Event):
    """An event about one mail. Who got it is a member id, never an address."""

    aggregate: ClassVar = "mail"
    aggregate_field: ClassVar = "mail_id"

    tenant_id: UUID
    mail_id: UUID
    template: str
    member_id: str


class MailAcceptedV1(MailEvent):
    """The mail system took the mail over."""

    type: ClassVar = "notifier.mail.accepted.v1"

    accepted_at: Time


class MailBouncedV1(MailEvent):
    """The mail cannot be delivered."""

    type: ClassVar = "notifier.mail.bounced.v1"

    reason: str


class MailSuppressedV1(MailEvent):
    """The mail was not sent, on purpose."""

    type: ClassVar = "notifier.mail.suppressed.v1"

    reason: str


class WebhookMessageDeadV1(Event):
    """The last attempt at a webhook message failed; it can be replayed."""

    type: ClassVar = "notifier.webhook.message_dead.v1"
    aggregate: ClassVar = "webhook_message"
    aggregate_field: ClassVar = "message_id"

    tenant_id: UUID
    message_id: str
    endpoint_id: UUID
    reason: Literal[
        "dns",
        "connect",
        "tls",
        "timeout",
        "http_3xx",
        "http_4xx",
        "http_5xx",
        "blocked",
        "disabled",
        "too_large",
    ]
    attempts: int


class NotifierSourceHeartbeatV1(Event):
    """The notifier's last number, said regularly so that a hole at the end is seen."""

    type: ClassVar = "notifier.source.heartbeat.v1"
    aggregate: ClassVar = "source"
    aggregate_field: ClassVar = "source"

    tenant_id: None = None
    source: str
    epoch: str
    last_seq: int


EVENTS: tuple[type[Event], ...] = (
    MailAcceptedV1,
    MailBouncedV1,
    MailSuppressedV1,
    WebhookMessageDeadV1,
    NotifierSourceHeartbeatV1,
)
