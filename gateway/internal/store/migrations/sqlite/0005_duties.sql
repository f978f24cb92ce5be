-- +goose Up
-- What only one process may do at a time, and who does it. Whoever writes under a duty names its token.
CREATE TABLE duties (
    name   TEXT PRIMARY KEY,
    holder BLOB NOT NULL,    -- a process; zero: nobody, it was given back
    token  INTEGER NOT NULL, -- rises with every holder, and begins at the time of the first: so no token comes twice
    until  INTEGER NOT NULL  -- the end of the lease
) WITHOUT ROWID;
