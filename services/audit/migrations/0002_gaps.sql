-- Gaps that were said: one row each, so that a restart says nothing twice.

create table gap (
    gap_id      uuid        primary key,
    source      text        not null,
    epoch       text        not null,
    first       bigint      not null check (first > 0),
    last        bigint      not null check (last >= first),
    state       text        not null check (state in ('detected', 'lost', 'repaired')),
    detected_at timestamptz not null,
    repaired_at timestamptz,
    check ((state = 'repaired') = (repaired_at is not null))
);
create index gap_open on gap (source, epoch) where state <> 'repaired';
grant select, insert, update on gap to audit_worker;
