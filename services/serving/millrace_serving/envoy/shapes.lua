-- What in the JSON of a request would end Triton, or keep it busy for nothing: shapes that declare what is not there, and
-- lists in lists without end.
-- Whether a request declares more values in one tensor than it has bytes. Triton makes room for all of them before it
-- looks at what there is: seconds and gigabytes, and where there cannot be as much room it ends itself.
-- It costs 0.2 µs a tensor, and up to 3 µs a KiB among texts: a letter is met less often there than a quotation mark.
local SHAPE, QUOTE, LIST, OPEN = 'shape"', 34, "^%s*:%s*%[([%d%s,]*)%]", "^[%s:%[%d,]*$"
-- Between two pieces of a long request: the longest way to write the key, and the longest list that is read.
local KEY, LONGEST_LIST = 40, 4096
-- JSON may write a letter by its number. No letter is a quotation mark or a backslash, so no text ends elsewhere by it.
local function lettered(text)
  if not (text:find("\\u006", 1, true) or text:find("\\u007", 1, true)) then return text end
  return (text:gsub("\\u00([67]%x)", function(number) return string.char(tonumber(number, 16)) end))
end
-- The first such shape, or nil and where a list begins whose end is not in the text.
local function declared(text, bytes)
  local first, place = text:find(SHAPE, 1, true)
  local open
  while place ~= nil do
    if text:byte(first - 1) == QUOTE then
      local shape, values = text:match(LIST, place + 1), 1
      for size in (shape or ""):gmatch("%d+") do values = values * tonumber(size) end
      if values > bytes then return shape end
      if shape == nil and text:find(OPEN, place + 1) then open = first - 1 end
    end
    first, place = text:find(SHAPE, place + 1, true)
  end
  return nil, open
end
-- A body in pieces that can be looked at one by one; of its *json* bytes, for the others are values.
local function pieces(body, json)
  local from = 0
  return function()
    if from >= json then return nil end
    local size = math.min(LIMIT, json - from)
    from = from + size
    return body:getBytes(from - size, size)
  end
end
-- The same as above of a whole body.
local function declared_anywhere(body, json, bytes)
  local rest = ""
  for piece in pieces(body, json) do
    local text = lettered(rest .. piece)
    local shape, open = declared(text, bytes)
    if shape ~= nil then return shape end
    if open ~= nil and #text - open > LONGEST_LIST then return text:match("%[([%d%s,]*)", open) or "" end
    rest = text:sub(open or -KEY)
  end
end
-- Triton reads lists and objects by recursion: 200,000 in one another end its stack, and with it Triton; 20,000 did not.
-- So many bytes cannot nest so deep, and so many signs that open something neither. More are counted one by one, texts
-- aside, and of those there is a limit, because that takes 0.1 µs each.
local SHALLOW, DEEPEST, MOST_LISTS = 16384, 64, 262144
local function opened(text, sign)
  local number, place = 0, text:find(sign, 1, true)
  while place ~= nil do number, place = number + 1, text:find(sign, place + 1, true) end
  return number
end
-- Where the text at *place* ends: behind its quotation mark, or nil and how many signs of the next piece are its own.
local function text_end(piece, place)
  while true do
    place = piece:find('["\\]', place)
    if place == nil then return nil, 0 end
    if piece:byte(place) == QUOTE then return place + 1 end
    place = place + 2
    if place > #piece + 1 then return nil, 1 end
  end
end
local function is_deep(body, json)
  local depth, quoted, skip = 0, false, 0
  for piece in pieces(body, json) do
    local place = 1 + skip
    while place ~= nil do
      if quoted then
        place, skip = text_end(piece, place)
        quoted = place == nil
      else
        place = piece:find('[%[%]{}"]', place)
        local sign = place and piece:byte(place)
        if sign == 91 or sign == 123 then depth = depth + 1
        elseif sign == 93 or sign == 125 then depth = depth - 1
        elseif sign == QUOTE then quoted = true end
        if depth > DEEPEST then return true end
        place, skip = place and place + 1, 0
      end
    end
  end
  return false
end
local DEEP = "The JSON of the request has lists or objects in one another more than " .. DEEPEST .. " deep: data is as deep as its shape is long."
local MANY = "The JSON of the request has more than " .. MOST_LISTS .. " lists: send the data of a tensor in one list, or as binary data."
local function nested(body, json)
  if json <= SHALLOW then return nil end
  local lists = 0
  for piece in pieces(body, json) do lists = lists + opened(piece, "[") + opened(piece, "{") end
  if lists > MOST_LISTS then return MANY end
  if lists > SHALLOW and is_deep(body, json) then return DEEP end
end
-- How many bytes are JSON: none where 0 are told, for then all are the values of a model's only input. What is no plain
-- number Triton may read as one: then all of them are looked at.
local function json_bytes(headers, bytes)
  local told = headers:get("inference-header-content-length") or ""
  return told:find("^%d+$") and math.min(tonumber(told), bytes) or bytes
end
