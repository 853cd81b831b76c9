"""What Retraced's client reads: viewer tokens, and search by GraphQL."""
