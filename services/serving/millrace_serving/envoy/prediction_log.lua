-- Puts both bodies, base64, into dynamic metadata for the access log. Longer bodies are named, not kept:
-- over the buffer limit a request would get 413, and an answer would become 500.
-- A metadata object fetched before body() is dead after it, so it is fetched anew each time.
local LIMIT = 262144
local function note(handle, key, value) handle:streamInfo():dynamicMetadata():set("millrace", key, value) end
local function keep(handle, name)
  local headers = handle:headers()
  if headers:get("content-encoding") ~= nil then return note(handle, name .. "_skipped", "encoding") end
  local length = tonumber(headers:get("content-length") or "")
  if length == nil or length > LIMIT then return note(handle, name .. "_skipped", "size") end
  local body = handle:body() -- yields
  if body then note(handle, name, handle:base64Escape(body:getBytes(0, body:length()))) end
end
function envoy_on_request(handle) keep(handle, "request") end
function envoy_on_response(handle) keep(handle, "response") end
