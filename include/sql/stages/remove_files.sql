-- Remove the files below a path of an internal stage.
-- Identifiers: location
REMOVE {location}
