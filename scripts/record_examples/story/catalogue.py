"""Two products enter the catalogue: one with everything that a manifest can say, one with little."""

from scripts.record_examples.cast import Cast

WHOLE, SHORT = "with everything", "with little"


async def tell(cast: Cast) -> None:
    ask, operator = cast.recorder.ask, cast.operator
    key = cast.name("linen_room")
    cast.recorder.ids |= {"key": key, "product": key}
    manifest = {
        "key": key,
        "version": "1.0.0",
        "name": {"en": "Linen room", "fr": "Lingerie"},
        "description": {"en": "Counts linen and orders it", "fr": "Compte le linge et le commande"},
        "frontend": {
            "type": "widget",
            "bundle_url": "https://linen.tenantry.example/bundle.js",
            "integrity": f"sha384-{'A' * 64}",
            "element": "linen-room",
        },
        "plans": ["enterprise"],
        "in_trial": False,
        "trial_quota": {"pieces_counted": 1000},
        "pricing_tier": "per_use",
        "supports_projects": True,
        "api_base": "https://linen.tenantry.example/v1",
        "documentation_url": "https://linen.tenantry.example/docs",
        "seed_data_url": "https://linen.tenantry.example/seed.json",
        "actions": [{"key": "recount", "is_destructive": False}],
        "tile": {
            "metric": "pieces_counted",
            "label": {"en": "Pieces counted", "fr": "Pièces comptées"},
            "window": "day",
        },
        "role_map": {"IT_ADMIN": "owner"},
    }
    short = {
        "key": cast.name("mini_bar"),
        "version": "1.0.0",
        "name": {"en": "Minibar", "fr": "Minibar"},
        "description": {"en": "Counts bottles", "fr": "Compte les bouteilles"},
        "frontend": {"type": "headless"},
        "plans": [],
        "in_trial": False,
    }
    publish, show = "POST /v1/products", "GET /v1/products/{key}"
    await ask(operator, "registry", publish, manifest, title=WHOLE)
    await ask(operator, "registry", publish, short, title=SHORT)
    await ask(operator, "registry", "GET /v1/products")
    await ask(operator, "registry", show, title=WHOLE)
    await ask(operator, "registry", show, title=SHORT, key=cast.real("mini_bar"))
