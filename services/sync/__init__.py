"""Sync: replicates collections of records to desktops and takes their offline work back, exactly once.

Owns the collection `shift_notes`, its change sequence per scope, producers and the results of their actions. Says
`sync.record.changed.v1`, `sync.action.applied/rejected.v1`, `sync.conflict.detected.v1`. Hears the registry.
"""
