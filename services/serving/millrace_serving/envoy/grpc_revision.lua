-- On the way to a revision: field 1 of the message, `model_name` or `name`, becomes the revision's own name. The
-- message was found to be whole when its endpoint was read.
function envoy_on_request(handle)
  local text = unframed(handle:body()) -- yields
  if text == nil then return end
  local pieces, kept = {"\10" .. number(#REVISION) .. REVISION}, 1
  fields(text, function(field, _, from, _, after)
    if field ~= 1 then return end
    if from > kept then pieces[#pieces + 1] = text:sub(kept, from - 1) end
    kept = after
  end)
  pieces[#pieces + 1] = text:sub(kept)
  handle:body():setBytes(framed(table.concat(pieces)))
  handle:headers():remove("content-length")
end
