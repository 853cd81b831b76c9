-- An action whose end cannot be written is put off, and others go on. Expand only: older processes go on.
alter table product_action
    add column try_at     timestamptz not null default '-infinity',
    add column attempts   int         not null default 0,
    add column last_error text;
grant update (try_at, attempts, last_error) on product_action to registry_worker;
