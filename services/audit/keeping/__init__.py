"""How long records are kept and where: legal holds, sealed bundles, the end of a month and of seven years."""
