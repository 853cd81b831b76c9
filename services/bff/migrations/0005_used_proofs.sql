-- Proofs that a mutation used up, so that they are refused by every process. Forgotten when no process takes them any more;
-- within a tenant, since a proof is bound to one access token (its `ath`), which names one tenant.
create table used_proof (
    tenant_id uuid        not null,
    jkt       text        not null,
    jti_hash  bytea       not null check (octet_length(jti_hash) = 32),
    used_at   timestamptz not null default clock_timestamp(),
    primary key (tenant_id, jkt, jti_hash)
);
create index on used_proof (used_at);

alter table used_proof enable row level security;
alter table used_proof force row level security;
create policy own_tenant on used_proof using (tenant_id = current_tenant());
grant select, insert on used_proof to bff_app;
grant select, update, delete on used_proof to bff_worker;
