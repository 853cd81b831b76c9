drop index audit_event_by_crud, audit_event_by_project, audit_event_by_network;
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
            execute format('create index %I on %I using gist (network inet_ops) where network is not null', child || '_network', child);
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
               where schemaname = current_schema() and indexname ~ '^audit_event_[0-9]{6}_(text|fields)$' loop
        execute format('drop index %I', one);
    end loop;
end $$;
drop function word_terms(uuid, text), field_terms(uuid, bytea), terms_of_words(uuid, tsvector), terms_of_pairs(uuid, jsonb);
