-- What any tenant may ask for is found by the tenant and by time: kinds of acts, projects, and where acts came from.

create index audit_event_by_crud on audit_event (tenant_id, crud, received_at) where crud is not null;
create index audit_event_by_project on audit_event (tenant_id, project_id, received_at) where project_id is not null;
create index audit_event_by_network on audit_event (tenant_id, network, received_at) where network is not null;

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
            execute format('create index %I on %I using gin (lexemes(words)) where words is not null', child || '_text', child);
            execute format('create index %I on %I using gin (posted_fields(entry) jsonb_path_ops)', child || '_fields', child);
            done := done || child;
        end if;
    end loop;
    return done;
end $$;

do $$
declare one text;
begin
    for one in select indexname from pg_indexes
               where schemaname = current_schema() and indexname ~ '^audit_event_[0-9]{6}_network$' loop
        execute format('drop index %I', one);
    end loop;
end $$;
