drop table gap;
