"""Validation faults in French, for the kinds that people meet; the others stay English, their `code` says the same."""

from typing import Any

FAULTS = {
    "missing": "champ obligatoire",
    "extra_forbidden": "champ inconnu",
    "string_type": "une chaîne de caractères est attendue",
    "string_too_short": "au moins {min_length} caractère(s) requis",
    "string_too_long": "au plus {max_length} caractères admis",
    "string_pattern_mismatch": "doit correspondre au motif {pattern}",
    "int_type": "un nombre entier est attendu",
    "int_parsing": "un nombre entier est attendu",
    "float_type": "un nombre est attendu",
    "float_parsing": "un nombre est attendu",
    "finite_number": "un nombre fini est attendu",
    "bool_type": "un booléen est attendu",
    "bool_parsing": "un booléen est attendu",
    "uuid_type": "un UUID est attendu",
    "uuid_parsing": "un UUID est attendu",
    "datetime_parsing": "une date et une heure sont attendues",
    "date_parsing": "une date est attendue",
    "list_type": "une liste est attendue",
    "dict_type": "un objet est attendu",
    "model_attributes_type": "un objet est attendu",
    "too_long": "au plus {max_length} éléments admis",
    "too_short": "au moins {min_length} élément(s) requis",
    "enum": "valeurs admises : {expected}",
    "literal_error": "valeurs admises : {expected}",
    "greater_than": "doit être supérieur à {gt}",
    "greater_than_equal": "doit être au moins {ge}",
    "less_than": "doit être inférieur à {lt}",
    "less_than_equal": "doit être au plus {le}",
    "json_invalid": "le JSON est mal formé",
}


def fault(found: Any) -> str:
    """The fault in French, or as it is."""
    text = FAULTS.get(found["type"])
    if text is None:
        return str(found["msg"])
    try:
        return text.format(**found.get("ctx", {}))
    except KeyError:
        return str(found["msg"])
