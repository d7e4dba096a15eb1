"""Write requirements.lock: the pinned closure of the project's dependencies as installed in this environment.

Run it with the interpreter of an environment that holds exactly what should be pinned:
``.venv/bin/python deploy/tools/lock.py``.
"""

from __future__ import annotations

import configparser
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
HEADER = "# The whole pinned closure, used as pip constraints. Written by deploy/tools/lock.py.\n"


def direct_requirements(setup_cfg: Path) -> list[Requirement]:
    """The run-time and development requirements of ``setup.cfg``, and setuptools to build the project itself."""
    parser = configparser.ConfigParser()
    parser.read(setup_cfg, encoding="utf-8")
    extras = parser["options.extras_require"]
    lines = "\n".join((parser["options"]["install_requires"], extras["dev"], extras["pictures"], extras["identify"]))
    return [Requirement(line) for line in lines.split("\n") if line.strip()] + [Requirement("setuptools")]


def closure(roots: list[Requirement]) -> dict[str, str]:
    """Name and installed version of everything the roots need on this interpreter."""
    pinned: dict[str, str] = {}
    waiting = [(root, extra) for root in roots for extra in root.extras or {""}]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        distribution = metadata.distribution(name)
        pinned[name] = distribution.version
        for line in distribution.requires or ():
            child = Requirement(line)
            if child.marker is None or child.marker.evaluate({"extra": extra}):
                waiting += [(child, child_extra) for child_extra in {"", *child.extras}]
    return pinned


def main() -> int:
    """Write the file and say how many packages it pins."""
    pinned = closure(direct_requirements(ROOT / "setup.cfg"))
    lines = [f"{name}=={version}\n" for name, version in sorted(pinned.items())]
    (ROOT / "requirements.lock").write_text(HEADER + "".join(lines), encoding="utf-8")
    print(f"requirements.lock: {len(lines)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
