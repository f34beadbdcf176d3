-- Who asks, and whether they may: kept in dynamic metadata, which no client can write. What a route is of stands in its
-- own metadata, so whoever passes was held against the very route that is taken.
local CALLER, ADMITTED = "millrace.caller", "millrace.admitted"
-- `handle:route()` would still say none after a route was chosen anew. What is read so is copied whole: keep it small.
local function route_of(handle) return handle:metadata() end
local function admit(handle) handle:streamInfo():dynamicMetadata():set(ADMITTED, "yes", "yes") end
local function covers(scope, project, endpoint)
  for _, item in ipairs(scope or {}) do
    if item == "*" or item == project .. "/*" or item == project .. "/" .. endpoint then return true end
  end
  return false
end
local function denied(name, project, endpoint)
  return "'" .. name .. "' may not ask the endpoint " .. endpoint .. " of the project " .. project
    .. ". Who may make keys makes one for it: millrace --project " .. project .. " keys create NAME --endpoint " .. endpoint
end
-- Nil if the caller may take the route that is chosen now, else the reason.
local function refused(handle, name, scope)
  local route = route_of(handle)
  local project, endpoint = route:get("project"), route:get("endpoint")
  if endpoint ~= nil and not covers(scope, project, endpoint) then return denied(name, project, endpoint) end
  admit(handle)
end
local function too_long(name, longest)
  return "The request is longer than the " .. string.format("%d", longest) .. " bytes that '" .. name
    .. "' may send: send fewer rows in each, or ask for a key with a larger limit (--max-body-bytes)."
end
