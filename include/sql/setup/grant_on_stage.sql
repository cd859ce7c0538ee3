-- What this role needs of a stage.
-- Identifiers: privileges, stage, role
GRANT {privileges} ON STAGE {stage} TO ROLE {role}
