-- What this role needs of a stream.
-- Identifiers: privileges, stream, role
GRANT {privileges} ON STREAM {stream} TO ROLE {role}
