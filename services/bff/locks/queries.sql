-- name: add_action!
insert into lock_action_proxy_audit
    (tenant_id, action_id, property, lock_id, action, member_id, device_id, event_id, correlation_id, requested_at,
     expires_at, due_at)
values (:tenant_id::uuid, :action_id::uuid, :property::text, :lock_id::text, :action::text, :member_id::text,
        :device_id::uuid, :event_id::uuid, :correlation_id::text, :requested_at::timestamptz,
        :expires_at::timestamptz, :requested_at::timestamptz);

-- name: action_by_id^
select action_id, property, lock_id, action, member_id, device_id, state, requested_at, expires_at, leaf_index,
       receipted_at, sent_at, ended_at, code, detail
from lock_action_proxy_audit where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid;

-- name: take_due
-- Leased until then: whoever dies leaves it to the next one, whose higher row_version fences the first one off.
update lock_action_proxy_audit set due_at = :until::timestamptz, tries = tries + 1, row_version = row_version + 1
where (tenant_id, action_id) in (
    select tenant_id, action_id from lock_action_proxy_audit where due_at <= :now::timestamptz
    order by due_at limit :most::int for update skip locked
)
returning tenant_id, action_id, property, lock_id, action, member_id, device_id, event_id, correlation_id, state,
          requested_at, expires_at, tries, row_version;

-- name: note_receipt^
update lock_action_proxy_audit
set state = 'receipted', leaf_index = :leaf_index::bigint, checkpoint = :checkpoint::text,
    receipted_at = :now::timestamptz, due_at = :until::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid and row_version = :row_version::bigint
  and state = 'pending'
returning state, row_version;

-- name: note_sending^
-- Before the first byte goes out, so that it is known for ever that it may have.
update lock_action_proxy_audit
set state = 'sent', sent_at = :now::timestamptz, due_at = :until::timestamptz, tries = 0, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid and row_version = :row_version::bigint
  and state = 'receipted'
returning state, row_version;

-- name: note_unknown^
update lock_action_proxy_audit
set state = 'unknown', detail = :detail::text, due_at = :until::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid and row_version = :row_version::bigint
  and state in ('sent', 'unknown')
returning state, row_version;

-- name: put_off^
update lock_action_proxy_audit set due_at = :until::timestamptz, row_version = row_version + 1
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid and row_version = :row_version::bigint
returning state, row_version;

-- name: end_action^
update lock_action_proxy_audit
set state = :state::text, code = :code::text, detail = :detail::text, ended_at = :now::timestamptz, due_at = null,
    row_version = row_version + 1
where tenant_id = :tenant_id::uuid and action_id = :action_id::uuid and row_version = :row_version::bigint
  and ended_at is null
returning state, row_version;

-- name: halt_of_tenant$
-- The oldest halt that is in force for a tenant.
select halt_id from lock_halt
where halted_at is not null and ended_at is null and not exists (
    select 1 from lock_halt_resumed resumed
    where resumed.tenant_id = :tenant_id::uuid and resumed.halt_id = lock_halt.halt_id
)
order by halted_at limit 1;

-- name: note_halt!
insert into lock_halt (halt_id, halted_at) values (:halt_id::uuid, :at::timestamptz)
on conflict (halt_id) do update set halted_at = excluded.halted_at;

-- name: note_end_of_halt!
insert into lock_halt (halt_id, ended_at) values (:halt_id::uuid, :at::timestamptz)
on conflict (halt_id) do update set ended_at = excluded.ended_at;

-- name: note_resumed!
insert into lock_halt_resumed (tenant_id, halt_id, resumed_at)
values (:tenant_id::uuid, :halt_id::uuid, :at::timestamptz)
on conflict do nothing;

-- name: begin_reading!
insert into lock_report_cursor (vendor, entry) values (:vendor::text, 0) on conflict do nothing;

-- name: cursor$
select entry from lock_report_cursor where vendor = :vendor::text;

-- name: move_cursor$
-- Null where another process has moved it.
update lock_report_cursor set entry = :entry::bigint
where vendor = :vendor::text and entry = :after::bigint returning true;

-- name: halts_in_force
select halt_id from lock_halt where halted_at is not null and ended_at is null;

-- name: resumed_tenants
select tenant_id, halt_id from lock_halt_resumed where halt_id = any (:halt_ids::uuid[]);
