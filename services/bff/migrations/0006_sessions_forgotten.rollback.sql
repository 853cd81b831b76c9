revoke delete on session from bff_worker;
drop index session_closed;
