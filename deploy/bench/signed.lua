-- Load of scenario S6 for wrk: posts each message of a bundle once, verifies status and mark of every answer.
-- Arguments: bundle (length of eight digits and that many bytes, again and again), SOAPAction, two marks, more headers.

local threads = {}

function setup(thread)
    threads[#threads + 1] = thread
end

function init(args)
    good, bad, first_bad, at = 0, 0, "", 0
    local file = assert(io.open(args[1], "rb"))
    local raw = file:read("*a")
    file:close()
    first_mark, second_mark = args[3], args[4]
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "text/xml; charset=utf-8"
    wrk.headers["SOAPAction"] = '"' .. args[2] .. '"'
    for i = 5, #args do
        local name, value = args[i]:match("^(.-): (.*)$")
        wrk.headers[name] = value
    end
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
    if status == 200 and body:find(first_mark, 1, true) and body:find(second_mark, 1, true) then
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
        all_good, all_bad, quoted(sample), summary.duration / 1e6,
        errors.connect + errors.read + errors.write, errors.timeout,
        latency:percentile(50), latency:percentile(99), latency.max))
end
