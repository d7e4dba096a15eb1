"""Changes over a town: which kind comes next, when, and that all 37 異動事由 have their turn.

The kinds themselves are in ``arrivals``, ``removals`` and ``corrections``. Each is a function that applies one
change to the town and returns its events, or ``None`` when nobody fits or more than ``room`` events would follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random

from adapters.population import arrivals, corrections, removals
from adapters.population.kinds import Kind
from adapters.population.names import Weighted
from adapters.population.scene import Scene
from adapters.population.town import Change, Event, Town

__all__ = ["Change", "Event", "play"]

Maker = Callable[[Scene], tuple[Event, ...] | None]

_WEIGHTS: Mapping[Kind, int] = {
    Kind.TENNYU: 110,
    Kind.KOKUGAI_TENNYU: 20,
    Kind.SHUSSHO: 60,
    Kind.SHOKKEN_KISAI: 4,
    Kind.TENSHUTSU: 100,
    Kind.KOKUGAI_TENSHUTSU: 15,
    Kind.SHIBO: 80,
    Kind.SHOKKEN_SHOJO: 5,
    Kind.TENKYO: 100,
    Kind.KEIBI_SHUSEI: 30,
    Kind.SHOKKEN_SHUSEI: 30,
    Kind.GOKI_SHUSEI: 25,
    Kind.BANGO_HENKO: 6,
    Kind.BANGO_SHOKKEN_KISAI: 30,
    Kind.JUMINHYOKODO_HENKO: 4,
    Kind.JUMINHYOKODO_SHOKKEN_KISAI: 30,
    Kind.SETAI_BUNRI: 20,
    Kind.SETAI_GAPPEI: 15,
    Kind.SETAI_HENKO: 12,
    Kind.SETAINUSHI_HENKO: 15,
    Kind.KYUJI_KISAI: 8,
    Kind.TSUSHO_KISAI: 5,
    Kind.TORIKESHI_ZO: 8,
    Kind.TORIKESHI_GEN: 8,
    Kind.TORIKESHI_SHUSEI: 12,
}
_EVERY = 150
"""After so many changes all 37 kinds are dealt once more."""

_TRIES = 6
"""So many kinds of the deck, and then so many by weight, are tried for one change."""


def makers() -> Mapping[Kind, Maker]:
    """The function of every kind. The second half of a pair (帰化, 改製, ...) is made together with the first."""
    return {**arrivals.makers(), **removals.makers(), **corrections.makers()}


def play(town: Town, n: int, seed: int) -> Iterator[Change]:
    """Apply changes to ``town`` until exactly ``n`` events have come into being."""
    table = makers()
    drawn = Weighted(tuple(_WEIGHTS), tuple(_WEIGHTS.values()))
    left = n
    while left > 0:
        number = len(town.log) + 1
        rng = Random(f"{seed}/change/{number}")  # noqa: S311 - synthetic data, not secrets
        if number % _EVERY == 1:
            town.deck = _dealt(rng)
        change = _next(town, Scene(town, rng, left), table, drawn, number)
        town.log.append(change)
        left -= len(change.events)
        yield change


def _dealt(rng: Random) -> list[Kind]:
    kinds = list(Kind)
    rng.shuffle(kinds)
    late = (Kind.KYUJI_HENKO, Kind.KYUJI_SAKUJO, Kind.TSUSHO_SAKUJO)
    last = (Kind.TORIKESHI_ZO, Kind.TORIKESHI_GEN, Kind.TORIKESHI_SHUSEI)
    return [kind for kind in kinds if kind not in late + last] + list(late + last)


def _next(town: Town, scene: Scene, table: Mapping[Kind, Maker], drawn: Weighted[Kind], number: int) -> Change:
    """The first kind that is possible now: from the deck, then by weight, then the one that always is."""
    from_deck = town.deck[:_TRIES]
    by_weight = [drawn.draw(scene.rng) for _ in range(_TRIES)]
    for kind in (*from_deck, *by_weight, Kind.SHOKKEN_KISAI):
        events = table[kind](scene)
        if events is None:
            continue
        done = {event.kind for event in events}
        waiting = [other for other in town.deck if other not in done]
        tried = from_deck[: from_deck.index(kind)] if kind in from_deck else from_deck
        town.deck = [other for other in waiting if other not in tried] + [other for other in tried if other in waiting]
        for setaibango in scene.touched:
            town.last_touched[setaibango] = number
        return Change(number, kind, events, tuple(scene.heads.items()), frozenset(scene.touched))
    raise RuntimeError("no change is possible")
