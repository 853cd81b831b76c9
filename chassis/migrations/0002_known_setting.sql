-- What a process of this service last heard on each key of a bucket that it watches: after a start without the bus the
-- last known value holds. Without a policy: only the worker reads and writes it.

create table known_setting (
    key         text        primary key check (length(key) between 1 and 200),
    row_version bigint      not null,
    value       jsonb,
    known_at    timestamptz not null
);
alter table known_setting enable row level security;
alter table known_setting force row level security;

do $$
begin
    execute format('grant select, insert, update, delete on known_setting to %I', service_name() || '_worker');
end $$;
