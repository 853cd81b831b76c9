"""Three example products, each a process of its own: the reference implementation of the product contract.

Owns what tenants keep in it, in one SQLite file; says what was used to the registry; hears the registry alone.
"""
