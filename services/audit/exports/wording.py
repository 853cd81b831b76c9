"""The words of an export for people, in English and French."""

from collections.abc import Mapping
from datetime import datetime

LANGUAGES = ("en", "fr")

WORDS: Mapping[str, tuple[str, str]] = {
    "title": ("Compliance audit", "Audit de conformité"),
    "volume": ("Volume", "Volume"),
    "tenant": ("Tenant", "Client"),
    "range": ("Received", "Réception"),
    "from_to": ("from {first} to {end} (excluded)", "du {first} au {end} (exclu)"),
    "beginning": ("the beginning", "début"),
    "records": ("Records", "Enregistrements"),
    "in_volume": ("{here} of {all} in this volume", "{here} sur {all} dans ce volume"),
    "filter": ("Filter", "Filtre"),
    "no_filter": ("none", "aucun"),
    "log": ("Log", "Journal"),
    "size": ("Size of the log", "Taille du journal"),
    "leaves": ("{count} records", "{count} enregistrements"),
    "root": ("Root of the tree", "Racine de l'arbre"),
    "signed": ("Signed on", "Signée le"),
    "anchor": ("Anchored outside", "Ancrage externe"),
    "not_anchored": ("not yet when this was made", "pas encore à la date de cet export"),
    "made": ("Made on", "Établi le"),
    "asked_by": ("Asked for by", "Demandé par"),
    "personal": ("Personal data", "Données personnelles"),
    "shown": ("shown where it was not erased", "affichées, sauf si elles ont été effacées"),
    "sealed": ("sealed: not shown to this reader", "scellées : non montrées à ce lecteur"),
    "proved": ("What is proved", "Ce qui est prouvé"),
    "not_proved": ("What is not proved", "Ce qui n'est pas prouvé"),
    "proved_in_log": (
        "Every record of this export is in the tenant's log, whose root is printed above and signed.",
        "Chaque enregistrement de cet export figure dans le journal du client, dont la racine ci-dessus est signée.",
    ),
    "proved_complete": (
        "No record that was received in this time is missing, and none was changed or reordered.",
        "Aucun enregistrement reçu pendant cette période ne manque ; aucun n'a été modifié ni déplacé.",
    ),
    "filtered": (
        "The records were filtered: that no record which fits the filter is missing cannot be proved.",
        "Les enregistrements ont été filtrés : on ne peut pas prouver qu'aucun enregistrement conforme ne manque.",
    ),
    "received_time": (
        "Completeness is over the time of receipt, not over the time at which something is said to have happened.",
        "L'exhaustivité porte sur la date de réception, non sur la date à laquelle un fait est réputé avoir eu lieu.",
    ),
    "never_sent": (
        "What was never sent to the log cannot be in it.",
        "Ce qui n'a jamais été transmis au journal ne peut pas y figurer.",
    ),
    "paper": (
        "This document is for reading. The proof is in the other files of the ZIP: run “python verify.py”.",
        "Ce document est fait pour être lu. La preuve est dans les autres fichiers du ZIP : lancez « python verify.py ».",
    ),
    "page": ("page {number}", "page {number}"),
    "number": ("No.", "N°"),
    "received": ("Received (UTC)", "Reçu le (UTC)"),
    "happened": ("Happened (UTC)", "Survenu le (UTC)"),
    "who": ("Who", "Qui"),
    "action": ("Action", "Action"),
    "target": ("On what", "Sur quoi"),
    "product": ("Product", "Produit"),
    "outcome": ("Outcome", "Résultat"),
    "ok": ("done", "fait"),
    "failed": ("FAILED", "ÉCHEC"),
    "platform": ("platform", "plateforme"),
    "for": ("for {whom}", "pour {whom}"),
    "nothing": (
        "No record was received in this time that fits.",
        "Aucun enregistrement correspondant n'a été reçu pendant cette période.",
    ),
}


def word(name: str, language: str, **values: object) -> str:
    english, french = WORDS[name]
    return (french if language == "fr" else english).format(**values)


def count(number: int, language: str) -> str:
    """With the separators of the language: 1,000 or 1 000 (a no-break space)."""
    return f"{number:,}".replace(",", "\u00a0") if language == "fr" else f"{number:,}"


def instant(time: datetime, language: str) -> str:
    """A UTC instant to the second."""
    return time.strftime("%d/%m/%Y %H:%M:%S UTC" if language == "fr" else "%Y-%m-%d %H:%M:%S UTC")
