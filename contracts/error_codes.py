"""Titles of the error codes, English and French. A code is `<SERVICE>.<UPPER_SNAKE>` and never translated."""

TITLES: dict[str, tuple[str, str]] = {
    "CHASSIS.BAD_REQUEST": ("The request is malformed", "La requête est mal formée"),
    "CHASSIS.UNAUTHORIZED": ("Authentication is required", "Une authentification est requise"),
    "CHASSIS.INSUFFICIENT_AUTHENTICATION": (
        "A second factor is required",
        "Un second facteur d'authentification est requis",
    ),
    "CHASSIS.DPOP_INVALID": ("The DPoP proof is invalid", "La preuve DPoP est invalide"),
    "CHASSIS.FORBIDDEN": ("Not allowed", "Action non autorisée"),
    "CHASSIS.NOT_FOUND": ("Not found", "Introuvable"),
    "CHASSIS.METHOD_NOT_ALLOWED": ("Method not allowed", "Méthode non autorisée"),
    "CHASSIS.CONFLICT": ("Conflict with the present state", "Conflit avec l'état actuel"),
    "CHASSIS.INVALID": ("The input is invalid", "Les données sont invalides"),
    "CHASSIS.PRECONDITION_REQUIRED": ("If-Match is required", "Un en-tête If-Match est requis"),
    "CHASSIS.STALE": ("It was changed meanwhile", "La ressource a été modifiée entre-temps"),
    "CHASSIS.PAGE_TOKEN_INVALID": ("The page token is invalid", "Le jeton de page est invalide"),
    "CHASSIS.NOT_ACCEPTABLE": ("No acceptable representation", "Aucune représentation acceptable"),
    "CHASSIS.UNSUPPORTED_MEDIA_TYPE": ("Unsupported media type", "Type de contenu non pris en charge"),
    "CHASSIS.TOO_MANY_REQUESTS": ("Too many requests", "Trop de requêtes"),
    "CHASSIS.BODY_TOO_LARGE": ("The body is too large", "Le corps de la requête est trop volumineux"),
    "CHASSIS.TIMEOUT": ("The request took too long", "La requête a pris trop de temps"),
    "CHASSIS.UNAVAILABLE": ("Temporarily unavailable", "Momentanément indisponible"),
    "CHASSIS.INTERNAL": ("Internal error", "Erreur interne"),
    "CHASSIS.IDEMPOTENCY_KEY_REQUIRED": (
        "An Idempotency-Key is required",
        "Un en-tête Idempotency-Key est requis",
    ),
    "CHASSIS.IDEMPOTENCY_KEY_IN_FLIGHT": (
        "The same request is still running",
        "La même requête est encore en cours",
    ),
    "CHASSIS.IDEMPOTENCY_KEY_REUSED": (
        "The key was used with another body",
        "La clé a déjà servi avec un autre contenu",
    ),
    "REGISTRY.TENANT_NOT_FOUND": ("There is no such tenant", "Ce client n'existe pas"),
    "REGISTRY.SLUG_TAKEN": ("The slug is taken", "Cet identifiant est déjà pris"),
    "REGISTRY.CUSTOMER_TAKEN": ("The customer has a tenant", "Ce client de l'ERP a déjà un espace"),
    "REGISTRY.SLUG_MISMATCH": ("The slug is not this tenant's", "L'identifiant ne correspond pas"),
    "REGISTRY.ALREADY_HELD": ("The tenant is held already", "Ce client est déjà suspendu d'effacement"),
    "REGISTRY.NOT_HELD": ("The tenant is not held", "Ce client n'est pas suspendu d'effacement"),
    "REGISTRY.HOLD_TOO_LONG": ("The hold is too long", "La suspension est trop longue"),
    "REGISTRY.PRODUCT_UNKNOWN": ("There is no such product", "Ce produit n'existe pas"),
    "REGISTRY.ADDRESS_TAKEN": ("The e-mail address is taken", "Cette adresse e-mail est déjà prise"),
    "REGISTRY.ILLEGAL_TRANSITION": ("The tenant cannot move there", "Ce changement d'état est impossible"),
    "REGISTRY.BAD_SIGNATURE": ("The signature is wrong", "La signature est incorrecte"),
    "REGISTRY.STALE_ORDER": (
        "A newer version was applied already",
        "Une version plus récente est déjà appliquée",
    ),
    "REGISTRY.ORDER_NOT_SUBMITTED": ("The order is not submitted", "La commande n'est pas validée"),
    "REGISTRY.CHALLENGE_INVALID": ("The challenge is unknown or used", "Le défi est inconnu ou déjà utilisé"),
    "REGISTRY.DEVICE_NOT_FOUND": ("There is no such device", "Cet appareil n'existe pas"),
    "REGISTRY.FLAG_UNKNOWN": ("There is no such flag", "Cet indicateur n'existe pas"),
    "REGISTRY.FLAG_SCOPE_WRONG": (
        "The flag is the platform's",
        "Cet indicateur vaut pour toute la plateforme",
    ),
    "REGISTRY.FLAG_VALUE_WRONG": ("The value is not of this kind", "La valeur n'est pas du bon type"),
    "REGISTRY.FLAG_NOT_SET": ("The flag is not set", "Cet indicateur n'est pas défini"),
    "REGISTRY.FLOOR_INVALID": ("The floor is not possible", "Ce plancher de version est impossible"),
    "REGISTRY.FLOOR_NOT_SET": ("The floor is not set", "Ce plancher de version n'est pas défini"),
    "BFF.BACKOFFICE_DISABLED": ("The backoffice is switched off", "Le backoffice est désactivé"),
    "BFF.DPOP_INVALID": ("The DPoP proof is invalid", "La preuve DPoP est invalide"),
    "BFF.TENANT_DISABLED": ("The tenant may not come in now", "L'accès de ce client est suspendu"),
    "BFF.DEVICE_UNKNOWN": ("The device is not enrolled", "Cet appareil n'est pas enregistré"),
    "BFF.PROPERTY_OUT_OF_SCOPE": (
        "This property is out of scope",
        "Cet établissement est hors de votre périmètre",
    ),
    "BFF.SESSION_NOT_FOUND": ("There is no such open session", "Cette session n'existe pas"),
    "SYNC.CURSOR_INVALID": ("The cursor is not ours", "Le curseur est invalide"),
    "SYNC.CURSOR_EXPIRED": ("The cursor is gone; start over", "Le curseur a expiré ; recommencez"),
    "SYNC.MID_GAP": ("An earlier mutation is missing", "Une action antérieure manque"),
    "SYNC.PRODUCER_FENCED": ("A newer producer has taken over", "Un producteur plus récent a pris le relais"),
    "SYNC.SCOPE_REFUSED": ("The scope is not yours", "Ce périmètre n'est pas le vôtre"),
    "AUDIT.EMPTY_LOG": ("There is no signed checkpoint yet", "Aucun point de contrôle signé pour le moment"),
    "AUDIT.LEAF_NOT_FOUND": (
        "The signed tree has no such leaf",
        "L'arbre signé ne contient pas cette feuille",
    ),
    "NOTIFIER.ENDPOINT_REFUSED": ("The address may not be called", "Cette adresse ne peut pas être appelée"),
    "NOTIFIER.ENDPOINT_NOT_FOUND": ("There is no such endpoint", "Ce point d'accès n'existe pas"),
}


def title_of(code: str, language: str) -> str:
    """The title in `language` (`fr` or anything else: English); the code itself for one without a title."""
    english, french = TITLES.get(code, (code, code))
    return french if language == "fr" else english
