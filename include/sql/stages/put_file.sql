-- Upload files to an internal stage as they are.
-- Bound: file_url; identifiers: location
PUT %(file_url)s {location} AUTO_COMPRESS = FALSE OVERWRITE = TRUE
