-- A member that was deactivated is known as one, so that nobody needs to be asked. Expand only: older processes go on.
alter table directory_member add column is_deactivated bool not null default false;
