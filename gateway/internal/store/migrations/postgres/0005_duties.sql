-- +goose Up
-- What only one process may do at a time, and who does it. Whoever writes under a duty names its token.
CREATE TABLE duties (
    name   text PRIMARY KEY,
    holder uuid NOT NULL,   -- a process; zero: nobody, it was given back
    token  bigint NOT NULL, -- rises with every holder, and begins at the time of the first: so no token comes twice
    until  bigint NOT NULL  -- the end of the lease
);
