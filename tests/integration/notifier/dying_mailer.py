"""A mailer that is killed right before or right after it hands a mail over: `sending` is committed, nothing behind it.

`python -m tests.integration.notifier.dying_mailer before|after <app url> <worker url> <issuer> <registry> <mail folder>`
"""

import asyncio
import os
import signal
import sys
from email.message import EmailMessage
from pathlib import Path

from chassis.clock import SystemClock
from chassis.db import Database
from services.notifier import mailer
from tests.infra import ServiceDsns
from tests.integration.notifier.stage import new_directory, settings_for


async def main(moment: str, app: str, worker: str, issuer: str, registry: str, mails: str) -> None:
    hand_over = mailer.hand_over

    def die(folder: Path, name: str, message: EmailMessage) -> None:
        if moment == "after":
            hand_over(folder, name, message)
        os.kill(os.getpid(), signal.SIGKILL)

    mailer.hand_over = die  # the fault under test
    settings = settings_for(ServiceDsns(app, worker, "", ""), issuer, registry, Path(mails))
    database = Database("notifier", app, worker)
    await mailer.Mailer(database, new_directory(settings), SystemClock(), settings).send_due()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
