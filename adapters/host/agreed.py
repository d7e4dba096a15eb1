"""What a site agreed with a vendor about characters: the setting ``repertoire`` of an adapter."""

from __future__ import annotations

from adapters.sdk.problems import Problems
from bus.core.repertoire import Repertoire, read_list, repertoire, repertoire_names
from bus.core.settings import AdapterSpec, Site


def agreed_repertoire(site: Site, spec: AdapterSpec, problems: Problems) -> Repertoire | None:
    """The setting ``repertoire``: a set by name, or a list of one's own (``.txt``) in the site folder."""
    name = str(spec.settings.get("repertoire", ""))
    where = f"adapters.toml: {spec.id}.settings.repertoire"
    try:
        if name.endswith(".txt"):
            return read_list(site.folder / name)
        return repertoire(name) if name else None
    except KeyError:
        problems.unknown(where, "", name, repertoire_names())
    except (OSError, ValueError) as error:
        problems.add(where, "", expected="U+XXXX ...", got=str(error))
    return None
