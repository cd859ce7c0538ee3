-- What this role needs of a view.
-- Identifiers: privileges, view, role
GRANT {privileges} ON VIEW {view} TO ROLE {role}
