"""The foreign stacks: what each needs, how its programs are built once per test run, and how they are started."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.cases import CASES, all_residents
from tests.support.network import accepts
from tests.support.processes import need, running

PROGRAMS = Path(__file__).parent / "programs"
NODE_MODULES = Path(__file__).parents[2] / ".cache" / "node-soap" / "node_modules"
JARS = Path("/usr/share/java")
JAR_NAMES = (
    "jaxws-rt",
    "jaxws-tools",
    "jaxws-api",
    "jws-api",
    "jaxb-api",
    "jaxb-core",
    "jaxb-runtime",
    "jaxb-xjc",
    "codemodel",
    "rngom",
    "xsom",
    "dtd-parser",
    "txw2",
    "xml-resolver",
    "istack-commons-runtime",
    "istack-commons-tools",
    "javax.activation",
    "javax.xml.soap-api",
    "saaj-impl",
    "geronimo-annotation-1.3-spec",
    "stax-ex",
    "stax2-api",
    "woodstox-core",
    "streambuffer",
    "mimepull",
    "metro-policy",
    "FastInfoset",
    "gmbal",
    "gson",
)
BUILD_S = 300
RUN_S = 120

CLIENTS = ("php", "gsoap", "perl", "node", "java", "suds", "zeep")
PROVIDERS = ("php", "gsoap", "perl", "node", "java")

Command = list[str | Path]


def output_of(command: Sequence[str | Path], folder: Path | None = None, **environment: str) -> str:
    """Run a program to its end; its standard output. Fails with what it said when it fails."""
    run = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        timeout=BUILD_S,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **environment},
        check=False,
    )
    assert run.returncode == 0, run.stdout.decode("utf-8", "replace") + run.stderr.decode("utf-8", "replace")
    return run.stdout.decode("utf-8")


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder that the workers of one test run share: what one has made, the others find."""

    folder: Path

    @contextmanager
    def alone(self, name: str) -> Iterator[Path]:
        """The folder ``name``, while nobody else is in it."""
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield place

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """What ``make`` gave, as JSON, from whichever worker came first; its failure, too, comes only once."""
        with self.alone(name) as place:
            kept, failed = place / "kept.json", place / "failed"
            assert not failed.exists(), failed.read_text("utf-8")
            if not kept.exists():
                try:
                    kept.write_text(json.dumps(make()), "utf-8")
                except AssertionError as error:
                    failed.write_text(str(error), "utf-8")
                    raise
            return json.loads(kept.read_text("utf-8"))

    def gsoap(self, wsdl: str) -> Path:
        """The folder with the gSOAP programs, generated from the served WSDL and compiled."""
        need("wsdl2h", "soapcpp2", "g++")
        with self.alone("gsoap") as place:
            if not (place / "done").exists():
                _build_gsoap(place, wsdl)
                (place / "done").touch()
        return place

    def java(self, wsdl: str) -> Path:
        """The folder with the classes of the Java programs, generated from the served WSDL and compiled."""
        need("java", "javac")
        missing = [name for name in JAR_NAMES if not (JARS / f"{name}.jar").exists()]
        if missing:
            pytest.skip(f"Java archives not installed: {' '.join(missing)} (libjaxws-java, libgoogle-gson-java)")
        with self.alone("java") as place:
            if not (place / "done").exists():
                _build_java(place, wsdl)
                (place / "done").touch()
        return place


def _build_gsoap(place: Path, wsdl: str) -> None:
    output_of(["wsdl2h", "-c++11", "-o", "juki.h", wsdl], place)
    output_of(["soapcpp2", "-c++11", "-j", "-x", "-I/usr/share/gsoap/import", "juki.h"], place)
    compile_: Command = ["g++", "-O0", "-std=c++11", "-I."]
    output_of([*compile_, "-c", "soapC.cpp", "-o", "soapC.o"], place)
    for role, generated in (("client", "soapjuki_USCOREsoapProxy.cpp"), ("provider", "soapjuki_USCOREsoapService.cpp")):
        source = PROGRAMS / "gsoap" / f"{role}.cpp"
        output_of([*compile_, source, generated, "soapC.o", "-lgsoap++", "-o", role], place)


def class_path(place: Path) -> str:
    """Everything that the Java programs need, the generated classes included."""
    return ":".join([str(place / "classes"), *(str(JARS / f"{name}.jar") for name in JAR_NAMES)])


def _build_java(place: Path, wsdl: str) -> None:
    for name in ("generated", "classes"):
        (place / name).mkdir()
    java: Command = ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(place)]
    tool = "com.sun.tools.ws.WsImport"
    output_of([*java, tool, "-Xnocompile", "-keep", "-s", "generated", "-p", "jp.chiikibus.juki", wsdl], place)
    sources = [*sorted((place / "generated").rglob("*.java")), *sorted((PROGRAMS / "java").glob("*.java"))]
    output_of(["javac", "-nowarn", "-encoding", "UTF-8", "-cp", class_path(place), "-d", "classes", *sources], place)


def need_node() -> dict[str, str]:
    """The environment for node programs; skips where node-soap has not been installed by ``deploy/test.sh``."""
    need("node")
    if not (NODE_MODULES / "soap").is_dir():
        pytest.skip(f"node-soap is not installed in {NODE_MODULES}; deploy/test.sh installs it with npm ci")
    return {"NODE_PATH": str(NODE_MODULES)}


def client_lines(
    stack: str, workshop: Workshop, url: str, user: str, secret: str, *, defaults: bool = False
) -> list[dict[str, Any]]:
    """What the client of a stack printed for every call. ``defaults``: without the settings that the stack needs."""
    wsdl, environment = f"{url}?wsdl", {"INTEROP_DEFAULTS": "1"} if defaults else {}
    where = wsdl
    command: Command
    if stack == "php":
        need("php")
        command = ["php", "-d", "default_socket_timeout=30", PROGRAMS / "php" / "client.php"]
    elif stack == "gsoap":
        command = [workshop.gsoap(wsdl) / "client"]
        where = url
    elif stack == "perl":
        need("perl")
        command = ["perl", PROGRAMS / "perl" / "client.pl"]
    elif stack == "node":
        environment |= need_node()
        command = ["node", PROGRAMS / "node" / "client.cjs"]
    elif stack == "java":
        place = workshop.java(wsdl)
        command = ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(place), "Client"]
    else:
        command = [sys.executable, PROGRAMS / stack / "client.py"]
    said = output_of([*command, where, user, secret, CASES], **environment)
    return [json.loads(line) for line in said.split("\n") if line]


@contextmanager
def providing(
    stack: str,
    workshop: Workshop,
    wsdl: str,
    port: int,
    secret: str,
    folder: Path,
    *,
    defaults: bool = False,
    knowing: Path = CASES,
) -> Iterator[Path]:
    """Run the provider of a stack until the block ends; gives the file with the notices it was told.

    ``knowing`` is a file like ``cases.json`` with the residents and households that the provider knows.
    """
    folder.mkdir(exist_ok=True)
    residents, notices = folder / "residents.xml", folder / "notices.jsonl"
    residents.write_bytes(all_residents(json.loads(knowing.read_text("utf-8"))["residents"]))
    notices.touch()
    environment = {
        "INTEROP_PORT": str(port),
        "INTEROP_WSDL": wsdl,
        "INTEROP_SECRET": secret,
        "INTEROP_CASES": str(knowing),
        "INTEROP_RESIDENTS": str(residents),
        "INTEROP_NOTICES": str(notices),
        **({"INTEROP_DEFAULTS": "1"} if defaults else {}),
    }
    command: Command
    if stack == "php":
        need("php")
        command = ["php", "-S", f"127.0.0.1:{port}", PROGRAMS / "php" / "provider.php"]
    elif stack == "gsoap":
        command = [workshop.gsoap(wsdl) / "provider"]
    elif stack == "perl":
        need("perl")
        command = ["perl", PROGRAMS / "perl" / "provider.pl"]
    elif stack == "node":
        environment |= need_node()
        command = ["node", PROGRAMS / "node" / "provider.cjs"]
    elif stack == "spyne":
        command = [sys.executable, PROGRAMS / "spyne" / "register.py"]
    else:
        command = ["java", "-XX:TieredStopAtLevel=1", "-cp", class_path(workshop.java(wsdl)), "Provider"]
    log = folder / "provider.log"
    with running(command, log=log, ready=lambda: accepts(port), within_s=60, environment=environment):
        yield notices
