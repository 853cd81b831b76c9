"""Sends what is due: asks who is to be told, commits `sending`, hands the mail over, commits `accepted` with the event.

A crash after `sending` sends the mail again with the same Message-ID and file name: the mails so far are ones that the
contract needs, so twice is better than never.
"""

import asyncio
import os
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog

from chassis import outbox
from chassis.clock import Clock
from chassis.db import Database
from chassis.errors import Transient
from chassis.ids import uuid7
from chassis.telemetry import span_from
from contracts.capabilities import DEMO_TENANT_ID
from contracts.notifier import MailAcceptedV1, MailSuppressedV1
from services.notifier.consumers import queries
from services.notifier.directory import NOBODY, Addressees, Directory, TenantUnknown
from services.notifier.mails import Recipient, render
from services.notifier.model import is_inside
from services.notifier.settings import Settings

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)


class Mailer:
    """A background part; several at once take different notices."""

    name = "mailer"

    def __init__(self, database: Database, directory: Directory, clock: Clock, settings: Settings) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._settings = settings

    async def run(self) -> None:
        try:
            while True:
                try:
                    sent = await self.send_due()
                except Transient as error:
                    log.warning("mailer.waiting", error=str(error))
                    sent = 0
                if not sent:
                    await asyncio.sleep(self._settings.poll)
        finally:
            await self._directory.close()

    async def send_due(self) -> int:
        """One round; answers how many notices it took."""
        now = self._clock.now()
        async with self._database.worker() as tx:
            due = [dict(row) async for row in queries.due_notices(tx, now=now, most=self._settings.batch)]
            for notice in due:
                await queries.claim_notice(
                    tx, tenant_id=notice["tenant_id"], notice_id=notice["notice_id"], until=now + LEASE
                )
        await asyncio.gather(*(self._tell(notice) for notice in due))
        return len(due)

    async def _tell(self, notice: dict[str, Any]) -> None:
        """What goes wrong with one notice stops no other; it comes again when its lease ends."""
        about = {"tenantry.template": notice["template"]}
        with span_from(notice["traceparent"], "send mail", attributes=about):
            try:
                await self._tell_everybody(notice)
            except Exception as error:  # noqa: BLE001  # whatever one tenant's data provokes
                # Its type only: the text and the traceback may name the address.
                told = {"template": notice["template"], "notice_id": str(notice["notice_id"])}
                log.error("mailer.failed", error=type(error).__name__, **told)  # noqa: TRY400  # see above

    async def _tell_everybody(self, notice: dict[str, Any]) -> None:
        key = {"tenant_id": notice["tenant_id"], "notice_id": notice["notice_id"]}
        try:
            addressees = await self._directory.addressees(notice["tenant_id"], notice["role"])
        except TenantUnknown:
            log.warning("mailer.tenant_unknown", template=notice["template"])
            addressees = NOBODY
        except Transient as error:
            log.warning("mailer.held", template=notice["template"], error=str(error))
            due_at = self._clock.now() + timedelta(seconds=self._settings.hold_seconds)
            async with self._database.worker() as tx:
                await queries.hold_notice(tx, **key, due_at=due_at)
            return
        sending = (self._send(notice, addressees, recipient) for recipient in addressees.recipients)
        for outcome in await asyncio.gather(*sending, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        async with self._database.worker() as tx:
            await queries.finish_notice(tx, **key)

    async def _send(self, notice: dict[str, Any], addressees: Addressees, recipient: Recipient) -> None:
        now = self._clock.now()
        tenant_id = notice["tenant_id"]
        async with self._database.worker() as tx:
            row = await queries.begin_mail(
                tx,
                tenant_id=tenant_id,
                mail_id=uuid7(),
                notice_id=notice["notice_id"],
                member_id=recipient.member_id,
                locale=recipient.locale,
                now=now,
            )
        if row is None:
            return
        mail_id = row["mail_id"]
        if tenant_id == DEMO_TENANT_ID and not is_inside(notice["role"]):
            await self._suppress(notice, recipient, mail_id)
            return
        data = {**notice["data"], **addressees.data, "tenant": addressees.tenant}
        message = render(notice["template"], recipient, data, mail_id, self._settings.mail_sender, now)
        await asyncio.to_thread(hand_over, self._settings.mail_folder, str(mail_id), message)
        accepted = MailAcceptedV1(
            tenant_id=tenant_id,
            mail_id=mail_id,
            template=notice["template"],
            member_id=recipient.member_id,
            accepted_at=self._clock.now(),
        )
        async with self._database.worker() as tx:
            is_first = await queries.finish_mail(
                tx, tenant_id=tenant_id, mail_id=mail_id, now=self._clock.now()
            )
            if is_first is not None:  # else another process, to which an ended lease gave it, has said so
                await outbox.add(tx, accepted, aggregate_version=1)

    async def _suppress(self, notice: dict[str, Any], recipient: Recipient, mail_id: UUID) -> None:
        """Nothing leaves the demo tenant: whoever is invited into it has a mailbox elsewhere."""
        tenant_id = notice["tenant_id"]
        suppressed = MailSuppressedV1(
            tenant_id=tenant_id,
            mail_id=mail_id,
            template=notice["template"],
            member_id=recipient.member_id,
            reason="demo_tenant",
        )
        async with self._database.worker() as tx:
            is_first = await queries.suppress_mail(
                tx, tenant_id=tenant_id, mail_id=mail_id, now=self._clock.now()
            )
            if is_first is not None:
                await outbox.add(tx, suppressed, aggregate_version=1)


def hand_over(folder: Path, name: str, message: EmailMessage) -> None:
    """Into the local mail folder, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f".{name}.new"
    with fresh.open("wb") as file:
        file.write(message.as_bytes())
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / f"{name}.eml")
