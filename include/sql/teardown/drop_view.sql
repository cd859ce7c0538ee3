-- A view that nothing can be read by any more.
-- Identifiers: view
DROP VIEW IF EXISTS {view}
