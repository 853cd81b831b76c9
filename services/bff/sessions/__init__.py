"""Desk sessions: one open per device, from sign-in to close; heartbeats keep them, limits end them."""
