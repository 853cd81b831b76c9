drop table known_member;
