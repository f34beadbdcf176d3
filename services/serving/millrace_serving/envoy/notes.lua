-- What the access log is told of a request, through dynamic metadata.
local LIMIT = 262144
local PATIENCE = 2000
local function note(handle, key, value) handle:streamInfo():dynamicMetadata():set("millrace", key, value) end
-- What the answer's way depends on has a place of its own: to read a place is to copy all of it, bodies too.
local WAY = "millrace.way"
local function mark(handle, key, value) handle:streamInfo():dynamicMetadata():set(WAY, key, value) end
local function marks(handle) return handle:streamInfo():dynamicMetadata():get(WAY) end
