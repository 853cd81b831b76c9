"""What a tenant may use, and telling it to the identity provider."""
