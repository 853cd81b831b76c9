"""The one tenant that is shared by everybody who wants to see Tenantry: made at start, put back every night."""
