-- What the access log is told of a request, through dynamic metadata.
local LIMIT = 262144
local PATIENCE = 2000
local function note(handle, key, value) handle:streamInfo():dynamicMetadata():set("millrace", key, value) end
