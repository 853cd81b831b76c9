"""BFF: the one door for desktops: REST for what they ask, one live stream per device for what they must be told.

Owns desk sessions and the feed. Says `bff.backoffice.session.*`. Hears the registry, sync and itself.
"""
