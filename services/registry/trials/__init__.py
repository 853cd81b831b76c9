"""Trials that people start themselves: a link by mail first, a tenant once it is used."""
