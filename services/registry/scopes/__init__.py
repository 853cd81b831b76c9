"""Who works at which property, and as what."""
