"""The reference population: a synthetic town of residents and households, its changes and its truth.

Nobody in it exists. Everything follows from a seed: the same seed, size and base date give the same town,
the same changes and the same numbers on every machine.
"""

from adapters.population.changes import Change, Event
from adapters.population.generate import Resident, residents
from adapters.population.town import Town

__all__ = ["Change", "Event", "Resident", "Town", "residents"]
