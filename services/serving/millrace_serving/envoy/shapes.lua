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
-- The same of a body that is too long to be looked at in one piece; of its *json* bytes, for the others are values.
local function declared_long(body, json, bytes)
  local from, rest = 0, ""
  while from < json do
    local size = math.min(LIMIT, json - from)
    local text = lettered(rest .. body:getBytes(from, size))
    local shape, open = declared(text, bytes)
    if shape ~= nil then return shape end
    if open ~= nil and #text - open > LONGEST_LIST then return text:match("%[([%d%s,]*)", open) or "" end
    from, rest = from + size, text:sub(open or -KEY)
  end
end
-- How many bytes are JSON. What is no plain number Triton may read as one: then all of them are looked at.
local function json_bytes(headers, bytes)
  local told = headers:get("inference-header-content-length") or ""
  local json = told:find("^%d+$") and tonumber(told) or 0
  return json > 0 and math.min(json, bytes) or bytes
end
