"""Tables without a tenant's rows: each with the reason why no policy guards it."""

REASONS = {
    "schema_migration": "which migrations were applied",
    "day_partitioned": "which tables are partitioned by day",
    "outbox_sequence": "numbers of the relay, no content",
    "outbox_epoch": "numberings of the relay",
    "outbox_relay": "position of the relay",
    "feed_sequence": "numbers of the feed's relay, no content",
    "feed_epoch": "numberings of the feed's relay",
    "feed_relay": "position of the feed's relay",
    "source_progress": "which numbers of a source arrived",
    "gap": "numbers of a source that did not arrive, no content",
    "product": "the catalogue is the platform's",
    "erp_item": "the mapping of ERP items is the platform's",
    "sales_order": "orders are looked up before their tenant is known; written by the registry alone",
    "tombstone": "what is left of a deleted tenant: its id, a hash and two dates",
    "task": "tasks for operators",
    "demo_reset": "nights of the one demo tenant",
    "demo_reset_product": "what products answered in a night of the demo tenant",
    "demo_baseline": "what products restore in the demo tenant, counts and a checksum",
    "demo_lease": "who holds the reset of the demo tenant off",
    "product_version": "the catalogue is the platform's",
}
