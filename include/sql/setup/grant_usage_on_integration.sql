-- This role may make stages, or alerts, that go by the integration.
-- Identifiers: integration, role
GRANT USAGE ON INTEGRATION {integration} TO ROLE {role}
