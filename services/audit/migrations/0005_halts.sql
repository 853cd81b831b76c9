-- Gaps that alarm, silent sources, what is known of lock actions from all sides, and the halts of lock actions.

alter table gap drop constraint gap_state_check;
alter table gap
    alter column last drop not null,
    add column kind    text not null default 'hole' check (kind in ('hole', 'silence')),
    add column said_at timestamptz,
    -- asked: a replay was asked for; detected: said, and a page.
    add constraint gap_state_check check (state in ('asked', 'detected', 'lost', 'repaired')),
    add constraint gap_said check (said_at is not null or state in ('asked', 'repaired')) not valid,
    add constraint gap_last check (last is not null or kind = 'silence');
update gap set said_at = detected_at;
alter table gap validate constraint gap_said;
create index gap_by_time on gap (detected_at desc);
create unique index one_silence_per_source on gap (source) where kind = 'silence' and state <> 'repaired';
grant select on gap to audit_app;

create table lock_action (
    tenant_id    uuid        not null,
    action_id    uuid        not null,
    property     text        not null,
    lock_id      text        not null,
    action       text        not null,
    requested_at timestamptz not null,
    outcome      text        check (outcome in ('completed', 'failed')),
    outcome_at   timestamptz,
    reported_at  timestamptz,
    -- Null: nothing is to be looked for any more.
    due_at       timestamptz,
    primary key (tenant_id, action_id)
);
create index lock_action_due on lock_action (due_at) where due_at is not null;

-- Each line of a vendor's log once, whoever reads it how often.
create table lock_report (
    report_id   uuid        primary key,
    tenant_id   uuid,
    vendor      text        not null,
    entry       bigint      not null,
    key         text,
    property    text        not null,
    lock_id     text        not null,
    action      text        not null,
    executed_at timestamptz not null,
    verdict     text        not null check (verdict in ('recorded', 'unrecorded', 'repeated')),
    heard_at    timestamptz not null
);
create index lock_report_without_record on lock_report (heard_at desc) where verdict <> 'recorded';

create table lock_halt (
    halt_id   uuid        primary key,
    cause     text        not null check (cause in ('unrecorded_command', 'gap', 'operator')),
    evidence  text        not null,
    reason    text,
    halted_at timestamptz not null,
    -- Only a halt for a gap ends for everybody, when the gap is repaired.
    ended_at  timestamptz check (ended_at is null or cause = 'gap')
);
create index lock_halt_in_force on lock_halt (halted_at) where ended_at is null;
create unique index one_halt_per_gap on lock_halt (evidence) where cause = 'gap';

create table lock_resumption (
    tenant_id    uuid        not null,
    halt_id      uuid        not null references lock_halt,
    incident     text        not null,
    asked_by     text        not null,
    asked_at     timestamptz not null,
    confirmed_by text,
    confirmed_at timestamptz,
    primary key (tenant_id, halt_id),
    check ((confirmed_by is null) = (confirmed_at is null)),
    check (confirmed_by <> asked_by)
);

do $$
declare t text;
begin
    foreach t in array array['lock_action', 'lock_report', 'lock_resumption'] loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format('create policy own_tenant on %I using (tenant_id = current_tenant())', t);
    end loop;
end $$;
grant select, insert, update on lock_action, lock_report, lock_halt to audit_worker;
grant select on lock_resumption to audit_worker;
grant select, insert on lock_halt to audit_app;
grant select, insert, update on lock_resumption to audit_app;
