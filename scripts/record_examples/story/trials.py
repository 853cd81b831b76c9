"""Somebody asks for a trial, and uses the link that comes by mail."""

import asyncio
import re
import time

from scripts.record_examples.cast import Cast
from scripts.record_examples.recorder import PATIENCE_SECONDS, StoryError
from tenantry.commands import running

TOKEN = re.compile(r"#token=([A-Za-z0-9_-]{43})")


async def tell(cast: Cast) -> None:
    ask, notifier = cast.recorder.ask, cast.of_service("notifier")
    company = f"Hotel {cast.name('Nordlicht')}"
    slug = cast.hide(company.lower().replace(" ", "-"), "hotel-nordlicht")
    email = f"owner@{slug}.example"
    body = {"email": email, "company": company, "products": ["notetaker"], "locale": "en"}
    await ask(cast.nobody, "registry", "POST /v1/trials", body)
    token = await token_to(cast, email)
    recipients = "GET /internal/v1/directory/trials/{trial_id}/recipients"
    await ask(notifier, "registry", recipients, trial_id=await trial_of(cast, email))
    await ask(cast.nobody, "registry", "POST /v1/trials/verification", {"token": token})
    await ask(notifier, "registry", "GET /internal/v1/directory/operators/recipients")


async def token_to(cast: Cast, email: str) -> str:
    """Raises StoryError when no mail comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for path in (cast.world.stack.folder.path / "mail").glob("*.eml"):
            text = path.read_text().replace("=\n", "").replace("=3D", "=")
            if f"To: {email}" in text and (found := TOKEN.search(text)):
                return found[1]
        await asyncio.sleep(0.05)
    raise StoryError(f"no mail with a link came to {email}")


async def trial_of(cast: Cast, email: str) -> str:
    """No answer tells it: the notifier hears it from the bus."""
    async with running.database(cast.world.stack) as connection:
        found = await connection.fetchval("select trial_id from registry.trial where email = $1", email)
    return str(found)
