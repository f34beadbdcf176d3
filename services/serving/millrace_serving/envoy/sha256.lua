-- SHA-256 (FIPS 180-4) with LuaJIT's own operations on 32 bits: a key is compared by it, about 1 us each.
local band, bxor, bnot, ror, rsh, tobit, tohex = bit.band, bit.bxor, bit.bnot, bit.ror, bit.rshift, bit.tobit, bit.tohex
local K = {}
do -- the first 32 bits of the fractional parts of the cube roots of the first 64 primes
  local count, candidate = 0, 2
  while count < 64 do
    local prime = true
    for divisor = 2, math.floor(math.sqrt(candidate)) do
      if candidate % divisor == 0 then prime = false end
    end
    if prime then
      count = count + 1
      K[count] = tobit(math.floor((candidate ^ (1 / 3) % 1) * 4294967296))
    end
    candidate = candidate + 1
  end
end
local W = {}
local function sha256(text)
  local size = #text
  local function byte(place) return string.char(band(rsh(size * 8, place), 255)) end
  text = text .. "\128" .. ("\0"):rep((55 - size) % 64) .. "\0\0\0\0" .. byte(24) .. byte(16) .. byte(8) .. byte(0)
  local h0, h1, h2, h3, h4, h5, h6, h7 = 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
  for from = 1, #text, 64 do
    for t = 1, 16 do
      local a, b, c, d = text:byte(from + t * 4 - 4, from + t * 4 - 1)
      W[t] = tobit(a * 16777216 + b * 65536 + c * 256 + d)
    end
    for t = 17, 64 do
      local x, y = W[t - 15], W[t - 2]
      local one, two = bxor(ror(x, 7), ror(x, 18), rsh(x, 3)), bxor(ror(y, 17), ror(y, 19), rsh(y, 10))
      W[t] = tobit(W[t - 16] + one + W[t - 7] + two)
    end
    local a, b, c, d, e, f, g, h = h0, h1, h2, h3, h4, h5, h6, h7
    for t = 1, 64 do
      local one = tobit(h + bxor(ror(e, 6), ror(e, 11), ror(e, 25)) + bxor(band(e, f), band(bnot(e), g)) + K[t] + W[t])
      local two = tobit(bxor(ror(a, 2), ror(a, 13), ror(a, 22)) + bxor(band(a, b), band(a, c), band(b, c)))
      h, g, f, e, d, c, b, a = g, f, e, tobit(d + one), c, b, a, tobit(one + two)
    end
    h0, h1, h2, h3 = tobit(h0 + a), tobit(h1 + b), tobit(h2 + c), tobit(h3 + d)
    h4, h5, h6, h7 = tobit(h4 + e), tobit(h5 + f), tobit(h6 + g), tobit(h7 + h)
  end
  local first, second = tohex(h0) .. tohex(h1) .. tohex(h2) .. tohex(h3), tohex(h4) .. tohex(h5) .. tohex(h6) .. tohex(h7)
  return first .. second
end
