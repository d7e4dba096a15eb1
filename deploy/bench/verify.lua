-- Load of one cell for wrk: posts the request, verifies every answer, prints one line of JSON at the end.
-- Arguments: request file, expected file or "-" (then: status 200 and the mark occurs), SOAPAction, mark,
-- number of digits of the running number (0: every request is the same), more headers as "Name: value" ...

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "tally.lua")

local function slurp(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

function init(args)
    local body = slurp(args[1])
    expected = args[2] ~= "-" and slurp(args[2]) or nil
    mark = args[4]
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
    wrk.headers["SOAPAction"] = '"' .. args[3] .. '"'
    set_headers(args, 6)
    local digits = tonumber(args[5])
    if digits == 0 then
        fixed = wrk.format("POST", nil, nil, body)
    else
        -- The running number stands as a run of nines of that length; all requests have the same length.
        local place = string.rep("9", digits)
        local whole = wrk.format("POST", nil, nil, body)
        pieces = {}
        local from = 1
        while true do
            local at = whole:find(place, from, true)
            if not at then break end
            pieces[#pieces + 1] = whole:sub(from, at - 1)
            from = at + digits
        end
        pieces[#pieces + 1] = whole:sub(from)
        number_format = "%0" .. digits .. "d"
        number = thread_number * 100000000
    end
end

function request()
    if fixed then return fixed end
    number = number + 1
    return table.concat(pieces, string.format(number_format, number))
end

function response(status, headers, body)
    count(status == 200 and (body == expected or (not expected and body:find(mark, 1, true))), status, body)
end
