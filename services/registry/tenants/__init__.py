"""Tenants: their life, what is planned for them, what has happened to them."""
