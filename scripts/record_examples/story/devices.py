"""A member signs in on a desktop and enrols its key."""

from desktop.enrolment import sign_challenge
from scripts.record_examples.cast import Cast, Desk
from tenantry.demo.world import PROPERTY, Tenant


async def tell(cast: Cast) -> None:
    ask, ids, world = cast.recorder.ask, cast.recorder.ids, cast.world
    slug = cast.real("hotel-seaview")
    person = await world.new_person(Tenant(ids["tenant_id"], slug, ""), "front.desk", "front_desk")
    ids["member_id"] = person.member_id
    cast.desktop = world.desktop(cast.folder)
    cast.closing.push_async_callback(cast.desktop.close)
    await cast.desktop.sign_in(world.browser(person))
    desk = Desk(cast.desktop)
    asked = await ask(desk, "registry", "POST /v1/devices/challenges")
    body = {
        "challenge": asked["challenge"],
        "signature": sign_challenge(cast.desktop.proofs.key, asked["challenge"]),
        "jwk": cast.desktop.proofs.jwk,
        "name": "Front desk, left",
        "os": "Windows 11",
        "property": PROPERTY,
        "cohort": "front_desk",
    }
    enrolled = await ask(desk, "registry", "POST /v1/devices", body)
    ids |= {"device_id": enrolled["device_id"], "jkt": enrolled["jkt"]}
    await ask(desk, "registry", "GET /v1/devices/{device_id}")
