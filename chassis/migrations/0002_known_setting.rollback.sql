drop table known_setting;
