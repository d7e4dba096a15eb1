// The behaviour of the page: start a peer, run, follow the events, show verdicts, run one requirement again.
"use strict";
(() => {
  const words = JSON.parse(document.getElementById("words").textContent);
  const token = document.body.dataset.token;
  const language = document.documentElement.lang;
  const at = (id) => document.getElementById(id);
  const address = (path) => path + (path.includes("?") ? "&" : "?") + "token=" + encodeURIComponent(token);

  const element = (name, text, className) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const say = (text) => { at("message").textContent = text; };

  const ask = async (path, body) => {
    const answer = await fetch(address(path), {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(words[told.reason] || told.reason);
    return told;
  };

  const link = (path, text) => {
    const made = element("a", text);
    made.href = address(path);
    made.target = "_blank";
    return made;
  };

  const place = (finding) => {
    const list = element("dl");
    for (const [name, value] of [
      [words.place, finding.subject + " " + finding.path], [words.expected, finding.expected], [words.actual, finding.actual],
    ]) {
      if (value) list.append(element("dt", name), element("dd", value));
    }
    return list;
  };

  const verdict = (one) => {
    const box = element("article", "", one.outcome);
    const text = language === "ja" ? one.text_ja : one.text_en;
    box.append(element("h3", words["outcome_" + one.outcome] + "  " + one.id + "  " + text));
    box.append(element("p", words.clause + ": " + one.document + " " + one.clause));
    one.findings.slice(0, 3).forEach((finding) => box.append(place(finding)));
    const again = element("button", words.serve_again);
    again.type = "button";
    again.addEventListener("click", () => run([one.id]));
    box.append(again);
    return box;
  };

  const show = (number, event) => {
    const counts = Object.entries(event.counts).filter(([, count]) => count)
      .map(([name, count]) => words["outcome_" + name] + " " + count).join(", ");
    at("result").textContent = words[event.result] + " (" + counts + ")";
    at("result").className = event.result;
    at("links").replaceChildren(
      link("/runs/" + number + "/report?lang=" + language, words.serve_report), " ",
      link("/runs/" + number + "/evidence.zip", words.serve_evidence),
    );
    const objected = event.verdicts.filter((one) => ["fail", "warning", "error", "inconclusive"].includes(one.outcome));
    at("verdicts").replaceChildren(...objected.map(verdict));
    document.body.dataset.state = "done";
  };

  const follow = (number) => {
    const source = new EventSource(address("/runs/" + number + "/events"));
    source.onmessage = (message) => {
      const event = JSON.parse(message.data);
      if (event.event === "sent") {
        at("log").append(element("li", event.request + "  →  " + (event.response || event.outcome)));
        at("progress").value += 1;
        at("log").lastChild.scrollIntoView({ block: "nearest" });
      } else if (event.event === "judging") {
        say(words.serve_judging);
      } else {
        source.close();
        at("run").disabled = false;
        say(event.event === "failed" ? words.serve_failed + " " + event.reason : "");
        if (event.event === "done") show(number, event);
      }
    };
    source.onerror = () => { source.close(); at("run").disabled = false; say(words.serve_lost); };
  };

  const run = async (only) => {
    at("run").disabled = true;
    at("log").replaceChildren();
    at("progress").value = 0;
    document.body.dataset.state = "running";
    say(words.serve_running);
    try {
      const told = await ask("/runs", { profile: at("unit").value + "-provider", subject: at("subject").value, only });
      follow(told.number);
    } catch (error) {
      at("run").disabled = false;
      say(error.message);
    }
  };

  at("run").addEventListener("click", () => run([]));
  at("peer").addEventListener("click", async () => {
    try {
      const told = await ask("/peer", { unit: at("unit").value, skip: at("skip").value });
      at("subject").value = told.url;
      say(words.serve_peer_there + " " + told.url);
    } catch (error) {
      say(error.message);
    }
  });
  if (!at("unit").value || [...at("unit").options].some((one) => one.value === "juki")) at("unit").value = "juki";
})();
