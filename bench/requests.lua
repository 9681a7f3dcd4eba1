-- SPDX-License-Identifier: MulanPSL-2.0
-- For wrk: the requests of the file $REQUESTS, one a line (method, path, body; tabs between), over and over; N in a body counts up from $FIRST.
local list, at, n = {}, 0, tonumber(os.getenv("FIRST"))
for line in io.lines(os.getenv("REQUESTS")) do
  local method, path, body = line:match("([^\t]*)\t([^\t]*)\t(.*)")
  list[#list + 1] = { method, path, body ~= "" and body or nil }
end
local first = list[1]
local counts = first[3] and first[3]:find("%f[%w]N%f[%W]")
if first[3] then wrk.headers["Content-Type"] = "application/json" end

request = function()
  at = at % #list + 1
  local r = list[at]
  local body = r[3]
  if counts then
    n = n + 1
    body = body:gsub("%f[%w]N%f[%W]", tostring(n))
  end
  return wrk.format(r[1], r[2], nil, body)
end
