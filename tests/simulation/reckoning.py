"""The reckoning at the end of a run: nothing lost, nothing twice, order per key, every message accounted for."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from bus.core.states import TRANSITIONS, State
from bus.core.types import OnPark
from bus.journal.schema import FAN_OUT
from tests.simulation import letters
from tests.simulation.network import Vendor
from tests.simulation.plan import RECEIVERS, Plan
from tests.simulation.watch import Watch

ENDS_OF_CALLS = frozenset({State.REPLIED, State.EXPIRED, State.CANCELLED})


def reckon(plan: Plan, watch: Watch, vendors: dict[str, Vendor], counts: dict[str, int]) -> None:
    """Compare what senders were told, what the journal says and what the receivers did."""
    rows = watch.file.execute(
        "SELECT e.n, e.exchange_id, e.municipality, e.sender, e.message_id, e.mode, e.expires_at, d.n AS place,"
        " d.target, d.state, d.code FROM exchange e JOIN delivery d ON d.n / ? = e.n WHERE e.refused = 0 ORDER BY d.n",
        (FAN_OUT,),
    )
    names = [column[0] for column in rows.description]
    deliveries = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    _every_letter(plan, watch, deliveries)
    _every_delivery(plan, watch, vendors, deliveries)
    _every_effect(watch, vendors, deliveries)
    _histories(watch, deliveries)
    _order(plan, watch, vendors, deliveries)
    _counts(watch, deliveries, counts)


def _every_letter(plan: Plan, watch: Watch, deliveries: list[dict[str, Any]]) -> None:
    """Acknowledged means stored, once, under the id that was told."""
    exchanges: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for each in deliveries:
        exchanges[each["municipality"], each["sender"], each["message_id"]].add(each["exchange_id"])
    for key, found in exchanges.items():
        if len(found) > 1:
            watch.wrong(f"accepted {len(found)} times", key[2], "accepted once")
    for number, exchange in watch.receipts.items():
        letter = watch.letters[number]
        own = letters.message_id(letter)
        if exchange not in exchanges[letter.town, "juki", own]:
            watch.wrong("acknowledged and not in the journal", own, "nothing is lost")
    for letter in plan.letters:
        if letter.kind == "notice" and letter.number not in watch.receipts:
            watch.wrong("never acknowledged", letters.message_id(letter), "liveness")


def _every_delivery(plan: Plan, watch: Watch, vendors: dict[str, Vendor], deliveries: list[dict[str, Any]]) -> None:
    targets: dict[str, set[str]] = defaultdict(set)
    for each in deliveries:
        targets[each["exchange_id"]].add(each["target"])
        state, own = State(each["state"]), each["message_id"]
        delivery_id = f"{each['exchange_id']}-{each['place'] % FAN_OUT}"
        if each["mode"] != "queued":
            if state not in ENDS_OF_CALLS:
                watch.wrong(f"a call ended as {state}", own, "liveness")
            continue
        done = own in vendors[f"{each['municipality']}/{each['target']}"].inbox
        if state is State.DELIVERED:
            if not done:
                watch.wrong(f"{each['target']} has nothing of what was delivered", own, "nothing is lost")
        elif state is State.EXPIRED:
            at = watch.file.execute("SELECT max(at) FROM event WHERE delivery = ?", (each["place"],)).fetchone()[0]
            if at < each["expires_at"]:
                watch.wrong("expired before its time", own, "accounted for")
        elif state is not State.CANCELLED or delivery_id not in watch.cancelled:
            watch.wrong(f"ended as {state} {each['code']} at {each['target']}", own, "liveness")
    for each in deliveries:
        if each["mode"] == "queued" and targets[each["exchange_id"]] != set(RECEIVERS):
            watch.wrong(f"meant for {sorted(targets[each['exchange_id']])}", each["message_id"], "accounted for")


def _every_effect(watch: Watch, vendors: dict[str, Vendor], deliveries: list[dict[str, Any]]) -> None:
    accepted = {(each["municipality"], each["target"], each["message_id"]) for each in deliveries}
    for vendor in vendors.values():
        for effect in vendor.effects:
            if (vendor.town, vendor.name, effect.message_id) not in accepted:
                watch.wrong(f"{vendor.key} did what was never accepted", effect.message_id, "accounted for")


def _histories(watch: Watch, deliveries: list[dict[str, Any]]) -> None:
    """Each delivery went from state to state as the table allows."""
    events: dict[int, list[State]] = defaultdict(list)
    for place, state in watch.file.execute("SELECT delivery, state FROM event ORDER BY delivery, n").fetchall():
        events[place].append(State(state))
    for each in deliveries:
        state = State.ACCEPTED if each["mode"] == "queued" else State.DISPATCHING
        for following in events[each["place"]]:
            if following not in TRANSITIONS[state]:
                watch.wrong(f"{state} was followed by {following}", each["message_id"], "state table")
            state = following
        if state != each["state"]:
            watch.wrong(f"is {each['state']} while its history ends in {state}", each["message_id"], "state table")


def _order(plan: Plan, watch: Watch, vendors: dict[str, Vendor], deliveries: list[dict[str, Any]]) -> None:
    """Effects of one key come in the order of acceptance; what was given up or let past is left out."""
    parked = watch.parked if plan.on_park is OnPark.CONTINUE else set()
    latest: dict[tuple[str, str], tuple[int, str]] = {}
    kept = {
        (each["municipality"], each["target"], each["message_id"]): each["n"]
        for each in deliveries
        if each["state"] == State.DELIVERED and (each["message_id"], each["target"]) not in parked
    }
    for vendor in vendors.values():
        for effect in vendor.effects:
            n = kept.get((vendor.town, vendor.name, effect.message_id))
            if n is None:
                continue
            for key in sorted(letters.keys_of(watch.letters[effect.serial])):
                before, other = latest.get((vendor.key, key), (0, ""))
                if before > n:
                    watch.wrong(f"{vendor.key} took it after {other}", effect.message_id, "order")
                latest[vendor.key, key] = max((before, other), (n, effect.message_id))


def _counts(watch: Watch, deliveries: list[dict[str, Any]], counts: dict[str, int]) -> None:
    """What the journal counts is what is there."""
    found = Counter(each["state"] for each in deliveries)
    wrong = {
        name: (counts[name], found[name])
        for name in map(str, State)
        if name != "REJECTED" and counts[name] != found[name]
    }
    messages = len({each["n"] for each in deliveries})
    if wrong or counts["accepted_messages"] != messages:
        watch.wrong(f"counted {wrong}, {counts['accepted_messages']} of {messages}", "", "accounted for")
