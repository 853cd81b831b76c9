-- Sessions that ended long ago are deleted by the worker, the oldest first.
create index session_closed on session (closed_at) where closed_at is not null;
grant delete on session to bff_worker;
