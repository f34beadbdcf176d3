-- Puts both bodies, base64, into dynamic metadata for the access log. Longer bodies are named, not kept: an answer over
-- the buffer limit would become 500. A request is held back until it was read; one of more than MOST bytes gets 413.
-- Whatever was fetched before a call that yields is dead after it, so it is fetched anew each time.
-- When Triton refuses a request, serving is asked whether the request fits the model: if not, its words (which column,
-- and how to mend it) are the answer, with a status of 4xx, so that a client's fault is never the revision's.
local PROBLEM = "application/problem+json"
local LONGEST_KEY = 256
local function keep(handle, name)
  local headers = handle:headers()
  if headers:get("content-encoding") ~= nil then return note(handle, name .. "_skipped", "encoding") end
  local length = tonumber(headers:get("content-length") or "")
  if length == nil or length > LIMIT then return note(handle, name .. "_skipped", "size") end
  local body = handle:body() -- yields
  local text = body and body:getBytes(0, body:length())
  if text then note(handle, name, handle:base64Escape(text)) end
  return text
end
local function replace(handle, status, text, kind)
  local length = handle:body(true):setBytes(text) -- yields
  local headers = handle:headers()
  headers:replace(":status", status)
  headers:replace("content-length", tostring(length))
  headers:remove("inference-header-content-length")
  if kind then headers:replace("content-type", kind) end
end
-- Without serving's words, or where the request was too long to be kept: what Triton says when a client is at fault.
local CLIENTS = { "Unable to parse", "Unable to set", "failed to parse", "failed to get request params" }
local function restate(handle, status)
  local body = handle:body() -- yields
  local text = body and body:getBytes(0, body:length()) or ""
  if text:find("batch%-size must be <=") then return replace(handle, "413", text) end
  if status == "501" then return text:find("compression") and replace(handle, "415", text) end
  for _, words in ipairs(CLIENTS) do
    if status == "500" and text:find(words, 1, true) then return replace(handle, "400", text) end
  end
end
local function explain(handle)
  local status = handle:headers():get(":status")
  if status == "501" then return restate(handle, status) end
  if status ~= "400" and status ~= "500" then return end
  local asked = handle:streamInfo():dynamicMetadata():get("millrace")
  local revision = handle:headers():get("x-millrace-revision")
  if asked == nil or asked["json_length"] == nil or revision == nil then return end
  local request, length = asked["request"], asked["json_length"]
  handle:body(true) -- yields; after the call below it is too late to ask for it
  if request ~= nil then
    local headers, text = handle:httpCall("refusals", { -- yields
      [":method"] = "POST",
      [":path"] = "/v1/gateway/refusals/" .. revision,
      [":authority"] = "localhost",
      ["content-type"] = "text/plain",
      ["x-millrace-json-length"] = length,
    }, request, PATIENCE)
    local told = headers and headers[":status"]
    local kind = headers and headers["content-type"] or ""
    if (told == "400" or told == "413") and kind:find(PROBLEM, 1, true) then
      return replace(handle, told, text, PROBLEM)
    end
  end
  restate(handle, status)
end
-- A model's inputs are told as its signature has them, without the packed forms of the same columns: clients that send
-- whatever they are told of would send each column twice.
local function describe(handle)
  local kind = handle:headers():get("content-type") or ""
  if handle:headers():get(":status") ~= "200" or kind:find("application/json", 1, true) == nil then return end
  local body = handle:body() -- yields
  local text, found = body and body:getBytes(0, body:length()) or "", 0
  for _, datatype in ipairs({"FP32", "FP64", "INT64", "BYTES"}) do
    local form = ',{"name":"packed%.' .. datatype .. '","datatype":"' .. datatype .. '","shape":%[[%d,-]+%]}'
    local cut, count = text:gsub(form, "")
    text, found = cut, found + count
  end
  if found > 0 then replace(handle, "200", text, kind) end
end
local TITLES = { ["400"] = "Not a valid request", ["413"] = "Too large", ["415"] = "Not readable" }
local function refuse_rest(handle, status, words)
  local id = (handle:headers():get("x-request-id") or ""):sub(1, 128):gsub('[%c"\\]', " ")
  local told = '{"type":"about:blank","title":"' .. TITLES[status] .. '","status":' .. status .. ',"detail":"' .. words
    .. '","error":"' .. words .. '","instance":"' .. id .. '"}'
  handle:respond({ [":status"] = status, ["content-type"] = PROBLEM }, told)
end
local COMPRESSED = "The request is compressed, which the gateway cannot read: send it without content-encoding."
local function overstates(shape, bytes)
  return "A tensor of the shape [" .. shape:gsub("%s+", " "):sub(1, 200) .. "] has more values than the " .. bytes
    .. " bytes of the request: its shape is [rows, ...] of what its data holds."
end
-- Keeps a request for the log, if it is short enough, and reads it whole: what cannot be read is refused here.
local function take(handle)
  local headers = handle:headers()
  local encoding, length = headers:get("content-encoding"), tonumber(headers:get("content-length") or "")
  if encoding ~= nil and encoding:lower() ~= "identity" then
    note(handle, "request_skipped", "encoding")
    return refuse_rest(handle, "415", COMPRESSED)
  end
  if length == 0 then return note(handle, "request", "") end
  if length ~= nil and length > MOST then
    note(handle, "request_skipped", "size")
    return refuse_rest(handle, "413", TOO_LARGE)
  end
  local body = handle:body() -- yields
  local bytes = body and body:length() or 0
  if bytes == 0 then return note(handle, "request", "") end
  local json = json_bytes(handle:headers(), bytes)
  if bytes > LIMIT then note(handle, "request_skipped", "size")
  else note(handle, "request", handle:base64Escape(body:getBytes(0, bytes))) end
  local shape = declared_anywhere(body, json, bytes)
  local why = shape and overstates(shape, bytes) or nested(body, json)
  if why ~= nil then refuse_rest(handle, "400", why) end
end
function envoy_on_request(handle)
  local headers = handle:headers()
  if is_grpc(headers) then return grpc_request(handle) end
  if headers:get(":method") ~= "POST" then return mark(handle, "described", "yes") end
  local key = headers:get("x-millrace-key")
  if key ~= nil and #key > LONGEST_KEY then
    return refuse_rest(handle, "400", "x-millrace-key has " .. #key .. " signs; send " .. LONGEST_KEY .. " at most.")
  end
  note(handle, "json_length", headers:get("inference-header-content-length") or "0")
  take(handle)
end
function envoy_on_response(handle)
  local marked = marks(handle)
  if marked ~= nil and marked["grpc"] ~= nil then return grpc_response(handle, marked["grpc"]) end
  if marked ~= nil and marked["described"] ~= nil then return describe(handle) end
  explain(handle)
  keep(handle, "response")
end
