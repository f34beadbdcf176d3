-- The first filter of a gateway that asks for keys. A key is known by its SHA-256 in the table KEYS, which stands before
-- this, a signed token by the claims that the filter before this one has verified. Neither goes any further than here.
local LONGEST_KEY = 512
local CALL = "millrace keys create NAME --endpoint ENDPOINT"
local UNSHOWN = "Only who shows a key is answered here: send 'Authorization: Bearer <key>'. Who may make keys makes one: "
  .. CALL
local UNKNOWN = "The key is not valid here: it was revoked, or it is not written as it was given. Who may make keys makes "
  .. "another: " .. CALL
local UNVERIFIED = "The token is not valid here: it is signed by nobody who is believed, has ended, or is for another "
  .. "audience. In a cluster: kubectl create token ACCOUNT --audience millrace. Elsewhere, send a key: " .. CALL
-- More Triton does not take; the key or token itself, which may be longer, goes no further than here. To count costs 4 µs.
local MOST_HEADERS = 8192
local TOO_MANY = "The headers of the request have more than 8 KiB beside the key or token: send fewer, or shorter ones."
local GRPC_STATUS = {["401"] = "16", ["403"] = "7", ["413"] = "8", ["431"] = "8", ["503"] = "14"}
local TITLES = {
  ["401"] = "No valid key", ["403"] = "Not permitted", ["413"] = "Too large", ["431"] = "Headers too large",
  ["503"] = "Not available now",
}
local function quoted(text) return '"' .. text:gsub('[%c"\\]', " ") .. '"' end
local function deny(handle, status, words)
  local headers = handle:headers()
  if (headers:get("content-type") or ""):find("^application/grpc") then
    return handle:respond({[":status"] = "200", ["grpc-status"] = GRPC_STATUS[status], ["grpc-message"] = words})
  end
  local id = (headers:get("x-request-id") or ""):sub(1, 128)
  local told = '{"type":"about:blank","title":' .. quoted(TITLES[status]) .. ',"status":' .. status .. ',"detail":'
    .. quoted(words) .. ',"error":' .. quoted(words) .. ',"instance":' .. quoted(id) .. "}"
  local answer = {[":status"] = status, ["content-type"] = "application/problem+json"}
  if status == "401" then answer["www-authenticate"] = "Bearer" end
  handle:respond(answer, told)
end
local function shown(headers)
  local bearer = (headers:get("authorization") or ""):match("^[Bb][Ee][Aa][Rr][Ee][Rr] +(%S+) *$")
  local text = headers:get("x-api-key") or bearer
  headers:remove("authorization")
  headers:remove("x-api-key")
  return text
end
local function by_key(text)
  local entry = #text <= LONGEST_KEY and KEYS[sha256(text)] or nil
  if entry == nil then return nil, UNKNOWN end
  if entry.expires ~= nil and entry.expires <= os.time() then
    local moment = os.date("!%Y-%m-%dT%H:%M:%SZ", entry.expires)
    return nil, "The key '" .. entry.name .. "' expired on " .. moment .. ". Who may make keys makes another: " .. CALL
  end
  return entry
end
local function holds(claims, wanted)
  local found = claims[wanted.claim]
  if type(found) ~= "table" then return found == wanted.value end
  for _, item in ipairs(found) do
    if item == wanted.value then return true end
  end
  return false
end
local function extend(scope, more)
  for _, item in ipairs(more or {}) do scope[#scope + 1] = item end
end
local function holds_one(list, wanted)
  for _, item in ipairs(list or {}) do
    if item == wanted then return true end
  end
  return list == nil or #list == 0
end
-- The entry of the issuers that found the token valid says what it gives: another one is for another audience.
-- Of what is given everywhere the first that fits, all that is given in projects, and the project of a namespace.
local function by_token(handle)
  local verified = handle:streamInfo():dynamicMetadata():get("envoy.filters.http.jwt_authn")
  local place, claims = next(verified or {})
  local entry = ISSUERS[place]
  if entry == nil then return nil, UNVERIFIED end
  local scope, subject, first = {}, tostring(claims.sub), nil
  local function give(item)
    if not item.everywhere then return extend(scope, item.scope) end
    if first == nil or item.place < first.place then first = item end
  end
  for _, item in ipairs(entry.subjects[subject] or {}) do give(item) end
  for _, item in ipairs(entry.claims or {}) do
    if holds(claims, item) then give(item) end
  end
  extend(scope, first and first.scope)
  local namespace = entry.projects and subject:match("^system:serviceaccount:([^:]+):")
  if namespace and holds_one(entry.watched, namespace) then
    scope[#scope + 1] = (entry.projects[namespace] or namespace) .. "/*"
  end
  return {name = "token:" .. subject, scope = scope}
end
local function has_too_many(headers)
  local length = 0
  for name, value in pairs(headers) do length = length + #name + #value end
  return length > MOST_HEADERS
end
local function caller_of(handle, text)
  if text == nil then return nil, UNSHOWN end
  if text:find("^[^.]+%.[^.]+%.[^.]+$") then return by_token(handle) end
  return by_key(text)
end
local function sent(handle)
  local length = tonumber(handle:headers():get("content-length") or "")
  if length ~= nil then return length end
  local body = handle:body() -- yields
  return body and body:length() or 0
end
local function enter(handle)
  local headers = handle:headers()
  if headers:get("x-millrace-endpoint") ~= nil then
    headers:remove("x-millrace-endpoint")
    handle:clearRouteCache()
  end
  local text = shown(headers)
  if has_too_many(headers) then return deny(handle, "431", TOO_MANY) end
  local route = route_of(handle)
  if route:get("open") then return admit(handle) end
  local caller, why = caller_of(handle, text)
  if caller == nil then return deny(handle, "401", why) end
  local metadata = handle:streamInfo():dynamicMetadata()
  metadata:set(CALLER, "name", caller.name)
  if route:get("message") then
    metadata:set(CALLER, "scope", caller.scope)
    return caller.longest and metadata:set(CALLER, "longest", caller.longest)
  end
  if caller.longest and sent(handle) > caller.longest then
    return deny(handle, "413", too_long(caller.name, caller.longest))
  end
  why = refused(handle, caller.name, caller.scope)
  if why ~= nil then deny(handle, "403", why) end
end
function envoy_on_request(handle)
  local done, problem = pcall(enter, handle)
  if done then return end
  handle:logErr("who asks could not be told: " .. tostring(problem))
  deny(handle, "503", "Who asks could not be told; try again.")
end
