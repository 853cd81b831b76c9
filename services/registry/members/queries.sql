-- name: put_member$
-- Whoever is added again after it was deactivated comes back.
insert into member (tenant_id, member_id, email, name, locale, org_roles, backoffice_roles, properties)
values (:tenant_id::uuid, :member_id::text, :email::text, :name::text, :locale::text, :org_roles::text[],
        :backoffice_roles::text[], :properties::text[])
on conflict (tenant_id, member_id) do update
set email = excluded.email, name = excluded.name, locale = excluded.locale, org_roles = excluded.org_roles,
    backoffice_roles = excluded.backoffice_roles, properties = excluded.properties, deactivated_at = null,
    row_version = member.row_version + 1
returning row_version;

-- name: member_by_id^
select tenant_id, member_id, email, name, locale, org_roles, backoffice_roles, properties, deactivated_at, row_version
from member where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: members_page
select tenant_id, member_id, email, name, locale, org_roles, backoffice_roles, properties, deactivated_at, row_version
from member
where tenant_id = :tenant_id::uuid and (:after::text is null or member_id > :after::text)
order by member_id limit :most::int;

-- name: members_named
-- By id or by address, whichever was given.
select member_id, email, deactivated_at, row_version from member
where tenant_id = :tenant_id::uuid and (member_id = any (:names::text[]) or email = any (:names::text[]))
order by member_id;

-- name: change_roles!
update member set org_roles = :org_roles::text[], row_version = row_version + 1
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: deactivate!
update member set deactivated_at = :deactivated_at::timestamptz, backoffice_roles = '{}', properties = '{}',
    row_version = row_version + 1
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: other_admins$
select count(*) from member
where tenant_id = :tenant_id::uuid and member_id <> :member_id::text and 'IT_ADMIN' = any (org_roles)
  and deactivated_at is null;

-- name: recipients
select member_id, email, name, locale from member
where tenant_id = :tenant_id::uuid and :role::text = any (org_roles) and deactivated_at is null order by member_id;

-- name: want_pushes!
insert into member_push (tenant_id, member_id, due_at)
select :tenant_id::uuid, unnest(:member_ids::text[]), :due_at::timestamptz
on conflict (tenant_id, member_id) do update set due_at = excluded.due_at, attempts = 0;

-- name: due_pushes
select p.tenant_id, p.member_id, p.due_at, p.attempts, t.org_id, m.org_roles, m.backoffice_roles, m.properties,
       m.deactivated_at is null as is_active, m.row_version
from member_push p
join member m on m.tenant_id = p.tenant_id and m.member_id = p.member_id
join tenant t on t.tenant_id = p.tenant_id
where p.due_at <= :now::timestamptz order by p.due_at limit :most::int;

-- name: pushed$
-- Only if nothing newer was asked for meanwhile.
delete from member_push
where tenant_id = :tenant_id::uuid and member_id = :member_id::text and due_at = :due_at::timestamptz
returning member_id;

-- name: want_push_of_newer!
-- Another process may have told newer things before our older ones arrived.
insert into member_push (tenant_id, member_id, due_at)
select tenant_id, member_id, :now::timestamptz from member
where tenant_id = :tenant_id::uuid and member_id = :member_id::text and row_version <> :row_version::bigint
on conflict do nothing;

-- name: push_failed!
update member_push set attempts = attempts + 1, due_at = :due_at::timestamptz, last_error = :error::text
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;
