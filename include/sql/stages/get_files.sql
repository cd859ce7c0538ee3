-- Download the files below a path of a stage.
-- Bound: folder_url; identifiers: location
GET {location} %(folder_url)s
