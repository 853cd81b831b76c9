drop table outbox_relay, outbox_epoch, outbox_sequence, outbox, inbox, source_progress, dead_letter, idempotency, day_partitioned;
drop sequence outbox_id;
drop function begin_epoch, numbered_events, number_events, create_outbox_lane, keep_partitions, make_default_partition,
    make_day_partition, current_tenant, service_name;
