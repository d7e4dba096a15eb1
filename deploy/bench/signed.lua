-- Load of scenario S6 for wrk: posts each message of a bundle once, verifies status and mark of every answer.
-- Arguments: bundle (length of eight digits and that many bytes, again and again), SOAPAction, two marks, more headers.

dofile(debug.getinfo(1, "S").source:match("^@(.*/)") .. "tally.lua")

function init(args)
    at = 0
    local file = assert(io.open(args[1], "rb"))
    local raw = file:read("*a")
    file:close()
    first_mark, second_mark = args[3], args[4]
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
    wrk.headers["SOAPAction"] = '"' .. args[2] .. '"'
    set_headers(args, 5)
    messages = {}
    local from = 1
    while from < #raw do
        local length = tonumber(raw:sub(from, from + 7))
        messages[#messages + 1] = raw:sub(from + 8, from + 7 + length)
        from = from + 8 + length
    end
end

function request()
    at = at + 1
    if at > #messages then at = 1; bad = bad + 1; first_bad = "the bundle is used up" end
    return wrk.format("POST", nil, nil, messages[at])
end

function response(status, headers, body)
    count(status == 200 and body:find(first_mark, 1, true) and body:find(second_mark, 1, true), status, body)
end
