-- A journal belongs to one process: a database each.
CREATE DATABASE operator;
CREATE DATABASE oracle;
