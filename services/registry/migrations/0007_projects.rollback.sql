drop table member_push, member_scope, property, project;
drop index api_key_of_project;
alter table member
    drop column deactivated_at,
    alter column backoffice_roles drop default,
    alter column properties drop default;
