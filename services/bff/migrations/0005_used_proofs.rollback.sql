drop table used_proof;
