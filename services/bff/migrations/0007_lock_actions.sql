-- Lock actions, each a state machine that ends; what a vendor's log has told; which halts of audit are in force.

create table lock_action_proxy_audit (
    tenant_id      uuid        not null,
    action_id      uuid        not null,
    property       text        not null,
    lock_id        text        not null,
    action         text        not null,
    member_id      text        not null,
    device_id      uuid        not null,
    event_id       uuid        not null,
    correlation_id text        not null,
    state          text        not null default 'pending'
                   check (state in ('pending', 'receipted', 'sent', 'success', 'error', 'unknown')),
    requested_at   timestamptz not null,
    expires_at     timestamptz not null,
    leaf_index     bigint      check (leaf_index >= 0),
    checkpoint     text,
    receipted_at   timestamptz,
    sent_at        timestamptz,
    ended_at       timestamptz,
    code           text,
    detail         text,
    tries          int         not null default 0,
    -- When the next step is due; nobody else touches the row before then. Null: it has ended.
    due_at         timestamptz,
    row_version    bigint      not null default 1,
    primary key (tenant_id, action_id),
    check ((ended_at is null) = (state not in ('success', 'error'))),
    check ((due_at is null) = (ended_at is not null)),
    check ((code is not null) = (state = 'error')),
    -- No command without a receipt, whatever a process believes.
    check (sent_at is null or (receipted_at is not null and leaf_index is not null and checkpoint is not null)),
    check (state not in ('sent', 'success', 'unknown') or sent_at is not null)
);
create index lock_action_due on lock_action_proxy_audit (due_at) where due_at is not null;

create table lock_report_cursor (
    vendor text   primary key,
    entry  bigint not null check (entry >= 0)
);

create table lock_halt (
    halt_id   uuid primary key,
    halted_at timestamptz,
    ended_at  timestamptz
);
create table lock_halt_resumed (
    tenant_id  uuid        not null,
    halt_id    uuid        not null,
    resumed_at timestamptz not null,
    primary key (tenant_id, halt_id)
);

alter table lock_action_proxy_audit enable row level security;
alter table lock_action_proxy_audit force row level security;
create policy own_tenant on lock_action_proxy_audit using (tenant_id = current_tenant());
alter table lock_halt_resumed enable row level security;
alter table lock_halt_resumed force row level security;
create policy own_tenant on lock_halt_resumed using (tenant_id = current_tenant());

grant select, insert on lock_action_proxy_audit to bff_app;
grant select, update on lock_action_proxy_audit to bff_worker;
grant select, insert, update on lock_report_cursor to bff_worker;
grant select on lock_halt to bff_app;
grant select, insert, update on lock_halt to bff_worker;
grant select, insert on lock_halt_resumed to bff_app;
grant select on lock_halt_resumed to bff_worker;
