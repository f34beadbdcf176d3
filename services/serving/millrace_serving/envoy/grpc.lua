-- Calls of the Open Inference Protocol over gRPC: the endpoint stands in the message, so the message is read before a
-- route is chosen, and both messages go into the prediction log as those over REST do. An error is HTTP 200 with a
-- grpc-status.
local SERVICE = "/inference.GRPCInferenceService/"
local NAMED = {ModelInfer = true, ModelReady = true, ModelMetadata = true}
local function is_grpc(headers)
  local kind = headers:get("content-type") or ""
  return kind == "application/grpc" or kind:sub(1, 17) == "application/grpc+"
end
local function called(headers)
  local path = headers:get(":path") or ""
  return path:sub(1, #SERVICE) == SERVICE and path:sub(#SERVICE + 1) or ""
end
local function refuse(handle, status, text)
  handle:respond({[":status"] = "200", ["grpc-status"] = status, ["grpc-message"] = text})
end
local function endpoint_named(text)
  local name = ""
  local whole = fields(text, function(field, wire, _, first, after)
    if field == 1 then name = wire == 2 and text:sub(first, after - 1) or nil end
  end)
  return whole and name or nil
end
-- Only now is it known which endpoint is asked; nil if the caller may.
local function grpc_refused(handle, length)
  local caller = handle:streamInfo():dynamicMetadata():get(CALLER)
  if caller.longest ~= nil and length > caller.longest then return "8", too_long(caller.name, caller.longest) end
  local route = route_of(handle)
  if route:get("endpoint") == nil and not route:get("message") then return "14", "Which endpoint is asked could not be told." end
  local why = refused(handle, caller.name, caller.scope)
  if why ~= nil then return "7", why end
end
local function grpc_request(handle)
  local headers = handle:headers()
  local method = called(headers)
  headers:remove("x-millrace-endpoint")
  mark(handle, "grpc", method)
  if not (GRPC and NAMED[method]) then return end
  local text, status, reason = unframed(handle:body()) -- yields
  local name = text and endpoint_named(text)
  if text == nil then return refuse(handle, status, reason) end
  if name == nil then return refuse(handle, "3", "The message is not what its protobuf says.") end
  if name:find("^[a-z0-9][a-z0-9.-]*$") and #name <= 200 then
    handle:headers():replace("x-millrace-endpoint", name)
  end
  handle:clearRouteCache()
  if PROTECTED then
    local code, why = grpc_refused(handle, #text)
    if code ~= nil then return refuse(handle, code, why) end
  end
  if method ~= "ModelInfer" then return end
  if #text > LIMIT then return note(handle, "request_skipped", "size") end
  note(handle, "request", handle:base64Escape(text))
end
-- As over REST, a model's inputs are told as its signature has them, without the packed forms of the same columns.
local function grpc_describe(handle)
  local text = unframed(handle:body()) -- yields
  if text == nil then return end
  local pieces = {}
  fields(text, function(field, wire, from, first, after)
    if field == 4 and wire == 2 and text:sub(first, after - 1):find("^\10.packed%.") then return end
    pieces[#pieces + 1] = text:sub(from, after - 1)
  end)
  handle:body():setBytes(framed(table.concat(pieces)))
end
-- When Triton refuses a call, serving is asked whether the message fits the model, as for requests: a client's fault is
-- never the revision's. Returns the grpc-status and the grpc-message to answer with; nil: what Triton said.
local BLAMED = {["2"] = true, ["3"] = true, ["13"] = true}
local function grpc_explained(handle, revision, status, words)
  local asked = handle:streamInfo():dynamicMetadata():get("millrace")
  if not BLAMED[status] or revision == nil then return nil end
  if asked["request"] ~= nil then
    local headers, text = handle:httpCall("refusals", { -- yields
      [":method"] = "POST",
      [":path"] = "/v1/gateway/refusals/" .. revision,
      [":authority"] = "localhost",
      ["content-type"] = "text/plain",
      ["x-millrace-grpc"] = "yes",
    }, asked["request"], PATIENCE)
    local kind = headers and headers["content-type"] or ""
    if headers and headers[":status"] == "400" and kind:find("text/plain", 1, true) then return "3", text end
    if headers and headers[":status"] == "204" then return nil end
  end
  if words:find("Unable to parse") or words:find("batch%-size must be <=") then return "3", words end
end
local function grpc_restate(handle, ends, revision)
  local told = ends(handle)
  local status, words = told:get("grpc-status"), told:get("grpc-message") or ""
  local right, better = grpc_explained(handle, revision, status, words)
  if right == nil then return end
  ends(handle):replace("grpc-status", right)
  ends(handle):replace("grpc-message", better)
end
-- The answer passes while it is read: held back, one over the buffer limit would become an error.
local function grpc_response(handle, method)
  if method == "ModelMetadata" then return grpc_describe(handle) end
  if method ~= "ModelInfer" then return end
  local headers, pieces, length = handle:headers(), {}, 0
  local revision = headers:get("x-millrace-revision")
  if headers:get("grpc-status") ~= nil then return grpc_restate(handle, handle.headers, revision) end
  for chunk in handle:bodyChunks() do
    length = length + chunk:length()
    if length <= LIMIT + 5 then pieces[#pieces + 1] = chunk:getBytes(0, chunk:length()) end
  end
  if length > LIMIT + 5 then return note(handle, "response_skipped", "size") end
  local text = table.concat(pieces)
  if length == 0 and handle:trailers() ~= nil then return grpc_restate(handle, handle.trailers, revision) end -- yields
  if length < 5 then return end
  if text:byte(1) ~= 0 then return note(handle, "response_skipped", "encoding") end
  note(handle, "response", handle:base64Escape(text:sub(6)))
end
