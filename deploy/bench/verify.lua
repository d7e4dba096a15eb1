-- Load of one cell for wrk: posts the request, verifies every answer, prints one line of JSON at the end.
-- Arguments: request file, expected file or "-" (then: status 200 and the mark occurs), SOAPAction, mark,
-- number of digits of the running number (0: every request is the same), more headers as "Name: value" ...

local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
    thread:set("thread_number", #threads)
end

local function slurp(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("*a")
    file:close()
    return text
end

function init(args)
    good, bad, first_bad = 0, 0, ""
    local body = slurp(args[1])
    expected = args[2] ~= "-" and slurp(args[2]) or nil
    mark = args[4]
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
    wrk.headers["SOAPAction"] = '"' .. args[3] .. '"'
    for i = 6, #args do
        local name, value = args[i]:match("^(.-): (.*)$")
        wrk.headers[name] = value
    end
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
    if status == 200 and (body == expected or (not expected and body:find(mark, 1, true))) then
        good = good + 1
    else
        bad = bad + 1
        if first_bad == "" then first_bad = status .. " " .. body:sub(1, 300) end
    end
end

local function quoted(text)
    return '"' .. text:gsub('[%c"\\]', " ") .. '"'
end

function done(summary, latency, requests)
    local all_good, all_bad, sample = 0, 0, ""
    for _, thread in ipairs(threads) do
        all_good = all_good + thread:get("good")
        all_bad = all_bad + thread:get("bad")
        if sample == "" then sample = thread:get("first_bad") end
    end
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"good":%d,"bad":%d,"sample":%s,"seconds":%.6f,"broken":%d,"timeouts":%d,"p50_us":%.0f,"p99_us":%.0f,"max_us":%.0f}\n',
        all_good, all_bad, quoted(sample), summary.duration / 1e6, errors.connect + errors.read + errors.write,
        errors.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
