"""How the registry speaks to products."""
