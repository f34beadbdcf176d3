-- A unary gRPC message and the fields of the protobuf in it, read strictly: what is no message is never passed on, so
-- that it cannot become an error of a revision. Nothing here knows what the fields mean.
local MOST_FIELDS = 20000
local function varint(text, place)
  local value, factor = 0, 1
  for index = 0, 9 do
    local byte = text:byte(place + index)
    if byte == nil then return nil end
    value = value + byte % 128 * factor
    if byte < 128 then return value, place + index + 1 end
    factor = factor * 128
  end
end
-- The end of a field whose tag was read, and where its bytes begin; nil when it has none.
local function skipped(text, wire, place)
  if wire == 0 then
    local _, after = varint(text, place)
    return after, place
  elseif wire == 1 then
    return place + 8, place
  elseif wire == 5 then
    return place + 4, place
  elseif wire == 2 then
    local size, first = varint(text, place)
    if size ~= nil and size <= #text then return first + size, first end
  end
end
-- Calls each(number, wire, from, first, after) for every field of a message; false when the text is none.
local function fields(text, each)
  local place, count = 1, 0
  while place <= #text do
    local from, tag, first, after = place, nil, nil, nil
    tag, first = varint(text, place)
    if tag == nil or tag < 8 or tag >= 4294967296 then return false end
    after, first = skipped(text, tag % 8, first)
    count = count + 1
    if after == nil or after > #text + 1 or count > MOST_FIELDS then return false end
    each(math.floor(tag / 8), tag % 8, from, first, after)
    place = after
  end
  return true
end
-- The one message of a unary call without its frame of five bytes; or nil, the grpc-status and the reason.
local function unframed(body)
  local length = body and body:length() or 0
  if length < 5 then return nil, "3", "The call has no message." end
  local flag, a, b, c, d = body:getBytes(0, 5):byte(1, 5)
  if flag ~= 0 then
    return nil, "12", "The message is compressed, which the gateway cannot read: send it without compression."
  end
  local size = ((a * 256 + b) * 256 + c) * 256 + d
  if size ~= length - 5 then return nil, "3", "The call does not hold one whole message." end
  return body:getBytes(5, size)
end
local function number(value)
  local text = ""
  while value >= 128 do
    text, value = text .. string.char(value % 128 + 128), math.floor(value / 128)
  end
  return text .. string.char(value)
end
local function framed(text)
  local size = #text
  local function byte(factor) return math.floor(size / factor) % 256 end
  return string.char(0, byte(16777216), byte(65536), byte(256), byte(1)) .. text
end
