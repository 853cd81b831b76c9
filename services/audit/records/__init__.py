"""What a record says and what may be looked for in it."""
