-- name: one_at_a_time$
select pg_advisory_xact_lock(hashtextextended('audit:lock-halts', 0));

-- name: halt_of_tenant$
-- The oldest halt in force for a tenant, null for none.
select halt_id from lock_halt
where ended_at is null and not exists (
    select 1 from lock_resumption resumed
    where resumed.tenant_id = :tenant_id::uuid and resumed.halt_id = lock_halt.halt_id and confirmed_by is not null
)
order by halted_at limit 1;

-- name: halt_for_all$
-- One of this cause that is in force for everybody, and of which nobody has begun to say that it is over.
select halt_id from lock_halt
where cause = :cause::text and ended_at is null
  and (cause <> 'gap' or evidence = :evidence::text)
  and not exists (select 1 from lock_resumption touched where touched.halt_id = lock_halt.halt_id)
limit 1;

-- name: add_halt!
insert into lock_halt (halt_id, cause, evidence, reason, halted_at)
values (:halt_id::uuid, :cause::text, :evidence::text, :reason::text, :now::timestamptz);

-- name: end_halt_for_gap$
update lock_halt set ended_at = :now::timestamptz
where cause = 'gap' and evidence = :evidence::text and ended_at is null
returning halt_id;

-- name: halts_to_resume
select halt.halt_id, resumption.incident, resumption.asked_by, resumption.asked_at
from lock_halt halt
left join lock_resumption resumption on resumption.halt_id = halt.halt_id and resumption.tenant_id = :tenant_id::uuid
where halt.ended_at is null and resumption.confirmed_by is null
order by halt.halted_at;

-- name: ask!
insert into lock_resumption (tenant_id, halt_id, incident, asked_by, asked_at)
values (:tenant_id::uuid, :halt_id::uuid, :incident::text, :operator::text, :now::timestamptz)
on conflict (tenant_id, halt_id) do update
set incident = excluded.incident, asked_by = excluded.asked_by, asked_at = excluded.asked_at;

-- name: confirm!
update lock_resumption set confirmed_by = :operator::text, confirmed_at = :now::timestamptz
where tenant_id = :tenant_id::uuid and halt_id = :halt_id::uuid;

-- name: halts
select halt_id, cause, evidence, reason, halted_at, ended_at from lock_halt order by halted_at desc limit :most::int;

-- name: resumptions_of
select tenant_id, halt_id, incident, asked_by, asked_at, confirmed_by, confirmed_at from lock_resumption
where halt_id = any (:halt_ids::uuid[]) order by asked_at limit :most::int;

-- name: reports_without_record
select report_id, tenant_id, vendor, entry, key, property, lock_id, action, executed_at, verdict, heard_at
from lock_report where verdict <> 'recorded' order by heard_at desc limit :most::int;

-- name: note_request!
insert into lock_action (tenant_id, action_id, property, lock_id, action, requested_at, due_at)
values (:tenant_id::uuid, :action_id::uuid, :property::text, :lock_id::text, :action::text,
        :requested_at::timestamptz, :due_at::timestamptz)
on conflict do nothing;

-- name: note_outcome^
update lock_action set outcome = :outcome::text, outcome_at = :at::timestamptz,
    due_at = case when :outcome::text = 'failed' or reported_at is not null then null else :due_at::timestamptz end
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid
returning outcome, reported_at;

-- name: note_report$
-- Null for a line that is known.
insert into lock_report (report_id, tenant_id, vendor, entry, key, property, lock_id, action, executed_at, verdict, heard_at)
values (:report_id::uuid, :tenant_id::uuid, :vendor::text, :entry::bigint, :key::text, :property::text, :lock_id::text,
        :action::text, :executed_at::timestamptz, :verdict::text, :now::timestamptz)
on conflict do nothing returning true;

-- name: is_report_known$
select true from lock_report where report_id = :report_id::uuid;

-- name: request_of^
select outcome, reported_at from lock_action
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid
  and property = :property::text and lock_id = :lock_id::text and action = :action::text
for update;

-- name: note_execution!
update lock_action set reported_at = :at::timestamptz,
    due_at = case when outcome is null then due_at end
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid;

-- name: overdue
-- Said once of each.
update lock_action set due_at = null
where (tenant_id, action_id) in (
    select tenant_id, action_id from lock_action where due_at <= :now::timestamptz
    order by due_at limit :most::int for update skip locked
)
returning tenant_id, action_id, lock_id, requested_at, outcome, reported_at;
