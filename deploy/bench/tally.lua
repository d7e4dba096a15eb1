-- What both loads of wrk count: answers that are right and wrong, and one line of JSON for all threads at the end.

threads = {}
good, bad, first_bad = 0, 0, ""

function setup(thread)
    threads[#threads + 1] = thread
    thread:set("thread_number", #threads)
end

function set_headers(args, from)
    for i = from, #args do
        local name, value = args[i]:match("^(.-): (.*)$")
        wrk.headers[name] = value
    end
end

function count(right, status, body)
    if right then
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
