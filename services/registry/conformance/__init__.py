"""Whether products keep the product contract."""
