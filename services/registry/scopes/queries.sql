-- name: scopes_of_members
select member_id, property, backoffice_roles from member_scope
where tenant_id = :tenant_id::uuid and member_id = any (:member_ids::text[]);

-- name: put_scopes*!
-- What was verified is not this any more.
insert into member_scope (tenant_id, member_id, property, backoffice_roles)
values (:tenant_id::uuid, :member_id::text, :property::text, :backoffice_roles::text[])
on conflict (tenant_id, member_id, property) do update
set backoffice_roles = excluded.backoffice_roles, verified_by = null, verified_at = null;

-- name: remove_scopes*!
delete from member_scope
where tenant_id = :tenant_id::uuid and member_id = :member_id::text and property = :property::text;

-- name: sum_up*!
update member set properties = :properties::text[], backoffice_roles = :backoffice_roles::text[],
    row_version = :row_version::bigint
where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: verify!
update member_scope set verified_by = :verified_by::text, verified_at = :verified_at::timestamptz
where tenant_id = :tenant_id::uuid and member_id = :member_id::text and property = :property::text;

-- name: note_verification!
update member set row_version = row_version + 1 where tenant_id = :tenant_id::uuid and member_id = :member_id::text;

-- name: scopes_of_member
select property, backoffice_roles, verified_by, verified_at from member_scope
where tenant_id = :tenant_id::uuid and member_id = :member_id::text order by property;

-- name: scopes_page
select member_id, property, backoffice_roles, verified_by, verified_at from member_scope
where tenant_id = :tenant_id::uuid
  and (:property::text is null or property = :property::text)
  and (:is_verified::bool is null or (verified_at is not null) = :is_verified::bool)
  and (:after_member::text is null or (member_id, property) > (:after_member::text, :after_property::text))
order by member_id, property limit :most::int;
