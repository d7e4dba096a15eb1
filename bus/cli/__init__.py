"""The command ``chiikibus``: finds the command's module, runs it, and turns every failure into a code and a remedy.

Modules are imported only when their command is called, so that ``chiikibus --help`` starts at once. Other packages
contribute groups through the entry-point group ``chiikibus.commands``; nothing here imports them by name.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from bus.app.parent import die_with_parent
from bus.cli.commands import COMMANDS, GROUPS_HELP
from bus.core.errors import ChiikibusError, ConfigurationError, EnvironmentFault
from bus.core.types import Finding

if TYPE_CHECKING:
    from typer import Typer

GROUP = "chiikibus.commands"


def contributed() -> dict[str, EntryPoint]:
    """The command groups of installed packages by name; a built-in command's name is not given away."""
    return {point.name: point for point in entry_points(group=GROUP) if point.name not in COMMANDS}


def load_group(point: EntryPoint) -> Typer:
    """Import a contributed group. Errors: ``EnvironmentFault`` CB9004 naming what could not be imported."""
    try:
        group = point.load()
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise EnvironmentFault("CB9004", [Finding("CB9004", path=point.value, got=got[:200])]) from error
    if not callable(group):
        raise EnvironmentFault("CB9004", [Finding("CB9004", path=point.value, expected="typer.Typer")])
    loaded: Typer = group
    return loaded


def find_command(name: str) -> Typer:
    """The application behind a command's name. Errors: CB7031 with the nearest name, CB9004."""
    if name in COMMANDS:
        app: Typer = import_module(COMMANDS[name].module).app
        return app
    groups = contributed()
    if name in groups:
        return load_group(groups[name])
    known = [*COMMANDS, *groups]
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    raise ConfigurationError("CB7031", [Finding("CB7031", path=name, expected=f"{near[0]}?" if near else "")])


def overview(names: Iterable[str]) -> str:
    """The list of commands, Japanese first."""
    lines = ["chiikibus（地域バス）: 自治体業務システムの連携バス / an interoperability bus for municipal systems", ""]
    lines += ["使い方 usage: chiikibus <command> [--help]", ""]
    lines += [f"  {name:<12} {command.ja} / {command.en}" for name, command in COMMANDS.items()]
    lines += [f"  {name:<12} {GROUPS_HELP.get(name, '')}".rstrip() for name in names]
    lines += ["", "どのコマンドにも --json があります。 / Every command knows --json."]
    lines += ["終了コード exit code: 0 完了 / 1 否 / 2 使い方・設定 / 3 環境"]
    return "\n".join(lines)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    from bus.cli.output import ExitCode, Output

    if not arguments or arguments[0] in {"--help", "-h", "help"}:
        print(overview(sorted(contributed())))
        return ExitCode.DONE if arguments else ExitCode.USAGE
    name = "version" if arguments[0] == "--version" else arguments[0]
    output = Output(json="--json" in arguments)
    try:
        return _call(find_command(name), name, arguments[1:])
    except ChiikibusError as error:
        return output.fail(error)


def _call(app: Typer, name: str, arguments: Sequence[str]) -> int:
    """Call a typer application and translate its own errors."""
    import typer

    try:
        result = app(args=list(arguments), prog_name=f"chiikibus {name}", standalone_mode=False)
    except typer.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # the help was shown, and that is all there is to say
            return 2
        raise ConfigurationError("CB7030", [_usage(name, error)]) from error
    except typer.Abort:
        return 130
    except OSError as error:
        finding = Finding("CB9002", path=str(error.filename or name), got=f"{type(error).__name__}: {error.strerror}")
        raise EnvironmentFault("CB9002", [finding]) from error
    except ChiikibusError:
        raise
    except Exception as error:
        raise EnvironmentFault("CB9001", [_defect(error)]) from error
    return int(result) if isinstance(result, int) else 0


def _defect(error: Exception) -> Finding:
    """Where a defect of the program showed itself; its message is left out, it might quote data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame if trace is not None else None
    place = (
        f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{trace.tb_lineno}" if frame and trace else ""
    )
    return Finding("CB9001", path=place, got=type(error).__name__)


def _usage(name: str, error: Exception) -> Finding:
    """What is wrong with a command line. Typer's own words stay: they name the option and the values it takes."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else f"chiikibus {name}"
    parameter = getattr(error, "param", None)
    said = error.format_message() if hasattr(error, "format_message") else str(error)
    if parameter is not None and type(error).__name__ == "MissingParameter":
        option = parameter.param_type_name == "option"
        wanted = " | ".join(parameter.opts) if option else parameter.metavar or parameter.name or ""
        return Finding("CB7030", path=command, expected=wanted, got="なし / missing")
    return Finding("CB7030", path=command, got=said)


def main() -> None:
    """The console script."""
    die_with_parent()
    try:
        code = run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # the reader of our output has gone (as with ``| head``): end quietly, without a second error at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
