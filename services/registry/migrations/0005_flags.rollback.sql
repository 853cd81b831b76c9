drop table version_floor_change, version_floor, flag_change, flag;
drop function tell_keeper();
