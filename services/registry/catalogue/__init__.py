"""Products that can be bought."""
