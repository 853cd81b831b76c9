-- Keys of persons' data, the keyed words by which it is found, the tokens of publishers, and what search stands on.

create table tenant_key (
    tenant_id uuid  primary key,
    wrapped   bytea not null
);

-- `lookup` is a keyed hash of the person's id: it leads from the person to the key, and goes with the key.
create table subject_key (
    key_id       uuid  primary key,
    tenant_id    uuid  not null,
    lookup       bytea,
    wrapped      bytea,
    destroyed_at timestamptz,
    check ((destroyed_at is null) = (wrapped is not null)),
    check ((destroyed_at is null) = (lookup is not null))
);
create unique index subject_key_by_lookup on subject_key (tenant_id, lookup);

create function refuse_key_change() returns trigger language plpgsql as $$
begin
    if old.destroyed_at is not null or new.destroyed_at is null
       or (new.key_id, new.tenant_id) is distinct from (old.key_id, old.tenant_id) then
        raise exception 'a key is destroyed once, nothing else' using errcode = 'insufficient_privilege';
    end if;
    return new;
end $$;
create trigger destroyed_once before update on subject_key for each row execute function refuse_key_change();

create table blind_word (
    tenant_id uuid  not null,
    word      bytea not null,
    record_id uuid  not null,
    key_id    uuid  not null,
    primary key (tenant_id, word, record_id)
);
create index blind_word_by_key on blind_word (tenant_id, key_id);

create table publisher_token (
    token_id        uuid        primary key,
    tenant_id       uuid        not null,
    project_id      text        not null,
    name            text        not null,
    product         text,
    may_read        boolean     not null,
    personal_fields text[]      not null,
    digest          bytea       not null unique check (length(digest) = 32),
    created_by      text        not null,
    created_at      timestamptz not null,
    revoked_at      timestamptz,
    row_version     bigint      not null default 1
);
create index publisher_token_by_tenant on publisher_token (tenant_id, token_id);

alter table tenant_key enable row level security;
alter table tenant_key force row level security;
create policy tenant on tenant_key using (tenant_id = current_tenant());
alter table subject_key enable row level security;
alter table subject_key force row level security;
create policy tenant on subject_key using (tenant_id = current_tenant());
alter table blind_word enable row level security;
alter table blind_word force row level security;
create policy tenant on blind_word using (tenant_id = current_tenant());
alter table publisher_token enable row level security;
alter table publisher_token force row level security;
create policy tenant on publisher_token using (tenant_id = current_tenant());

grant select on tenant_key to audit_app;
grant select, insert on tenant_key to audit_worker;
grant select, update (wrapped, lookup, destroyed_at) on subject_key to audit_app;
grant select, insert on subject_key to audit_worker;
grant select, delete on blind_word to audit_app;
grant select, insert on blind_word to audit_worker;
grant select, insert, update on publisher_token to audit_app;
grant select on publisher_token to audit_worker;
grant insert on idempotency to audit_worker;

-- What is rare is found without a scan; neither index costs a record that has no such column.
create index audit_event_by_target on audit_event (tenant_id, target_id, received_at) where target_id is not null;
create index audit_event_by_behalf on audit_event (tenant_id, on_behalf_of, received_at) where on_behalf_of is not null;
create index audit_event_failures on audit_event (tenant_id, received_at) where is_failure;

-- Both languages at once: a word is found by its stem in either. Words are stored without accents.
create function lexemes(words text) returns tsvector language sql immutable parallel safe as
$$ select to_tsvector('english', words) || to_tsvector('french', words) $$;

-- The fields of a posted record as JSON; null for anything else, and for what jsonb cannot hold.
create function posted_fields(entry bytea) returns jsonb language sql immutable parallel safe cost 10000 as
$$ select case when position('\x5c7530303030'::bytea in entry) = 0
               then convert_from(entry, 'utf8')::jsonb #> '{event,fields}' end $$;

-- By the worker, as the owner: the indexes that only months which have ended carry. Answers the months that got them.
create function index_closed_audit_months(today date) returns text[] language plpgsql security definer
set search_path from current as $$
declare child text; done text[] := '{}';
begin
    for child in
        select inhrelid::regclass::text from pg_inherits
        where inhparent = 'audit_event'::regclass
          and inhrelid::regclass::text ~ '^audit_event_[0-9]{6}$'
          and right(inhrelid::regclass::text, 6) < to_char(today - 1, 'YYYYMM')
        order by 1
    loop
        if to_regclass(child || '_text') is null then
            execute format('create index %I on %I using gin (lexemes(words)) where words is not null', child || '_text', child);
            execute format('create index %I on %I using gist (network inet_ops) where network is not null', child || '_network', child);
            execute format('create index %I on %I using gin (posted_fields(entry) jsonb_path_ops)', child || '_fields', child);
            done := done || child;
        end if;
    end loop;
    return done;
end $$;
revoke execute on function index_closed_audit_months(date) from public;
grant execute on function index_closed_audit_months(date) to audit_worker;
grant execute on function lexemes(text), posted_fields(bytea) to audit_app, audit_worker;
