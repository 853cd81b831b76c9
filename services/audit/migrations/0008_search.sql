-- What any tenant may ask for is found by the tenant and by time: kinds of acts, projects, and where acts came from.

create index audit_event_by_crud on audit_event (tenant_id, crud, received_at) where crud is not null;
create index audit_event_by_project on audit_event (tenant_id, project_id, received_at) where project_id is not null;
create index audit_event_by_network on audit_event (tenant_id, network, received_at) where network is not null;

-- What words and fields are found by: a number for each stem, or each field with its value, that is the tenant's own. An index
-- of them leads to the records of one tenant, not through everybody's.
create function terms_of_words(tenant uuid, stems tsvector) returns bigint[] language sql immutable parallel safe as
$$ select array_agg(hashtextextended(stem, uuid_hash_extended(tenant, 0))) from unnest(tsvector_to_array(stems)) as stem $$;
create function terms_of_pairs(tenant uuid, pairs jsonb) returns bigint[] language sql immutable parallel safe as
$$ select array_agg(hashtextextended((pair ->> 'key') || e'\x1f' || (pair ->> 'value'), uuid_hash_extended(tenant, 0)))
   from jsonb_array_elements(case when jsonb_typeof(pairs) = 'array' then pairs else '[]' end) as pair
   where pair ->> 'key' is not null and pair ->> 'value' is not null $$;
create function word_terms(tenant uuid, words text) returns bigint[] language sql immutable parallel safe cost 10000
return terms_of_words(tenant, lexemes(words));
create function field_terms(tenant uuid, entry bytea) returns bigint[] language sql immutable parallel safe cost 10000
return terms_of_pairs(tenant, posted_fields(entry));
grant execute on function terms_of_words(uuid, tsvector), terms_of_pairs(uuid, jsonb), word_terms(uuid, text),
    field_terms(uuid, bytea) to audit_app, audit_worker;

-- Networks have their index from the start now; a month that has ended gets those of words and fields only.
create or replace function index_closed_audit_months(today date) returns text[] language plpgsql security definer
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
            execute format('create index %I on %I using gin (word_terms(tenant_id, words)) where words is not null', child || '_text', child);
            execute format('create index %I on %I using gin (field_terms(tenant_id, entry))', child || '_fields', child);
            done := done || child;
        end if;
    end loop;
    return done;
end $$;

do $$
declare one text;
begin
    for one in select indexname from pg_indexes
               where schemaname = current_schema() and indexname ~ '^audit_event_[0-9]{6}_(text|network|fields)$' loop
        execute format('drop index %I', one);
    end loop;
end $$;
