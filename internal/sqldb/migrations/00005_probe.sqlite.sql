-- What is written to see whether anything can be written, and always undone.

-- +goose Up

CREATE TABLE probe (
    filler BLOB NOT NULL
) STRICT;
