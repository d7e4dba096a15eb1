"""``chiikibus broker``: how RabbitMQ stands, its definitions for this site, rebuilding it, and tidying up."""

from __future__ import annotations

import json as plain_json
import sys

import typer

from bus.cli.options import JsonOption, SiteOption
from bus.cli.output import ExitCode, Output, finding_text, print_problem
from bus.core.config import load_site
from bus.core.errors import ConfigurationError
from bus.core.settings import Site
from bus.core.types import Finding

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="RabbitMQ の状態を見る・作り直す・片付ける。 / RabbitMQ."
)


def _site(folder: SiteOption) -> Site:
    """A site that has a RabbitMQ. Errors: CB7030 where its broker is embedded."""
    site = load_site(folder, need_secrets=True)
    if site.broker.engine != "rabbitmq":
        finding = Finding("CB7030", path="broker.engine", expected="rabbitmq", got=site.broker.engine)
        raise ConfigurationError("CB7030", [finding])
    return site


@app.command()
def status(site: SiteOption, json: JsonOption = False) -> int:
    """版・キュー・残りもの・読めないものを示す。 / Version, queues, leftovers, what nobody could read."""
    from bus.app.rabbitmq import inspected

    output = Output(json=json)
    found = inspected(_site(site))
    output.document(found)
    output.say(f"RabbitMQ {found.version}　{found.cluster}　dead: {found.dead}")
    headings = ["キュー queue", "待ち ready", "受け手 consumers", "設定 configured"]
    output.table(
        headings,
        (
            (each.name, each.ready if each.exists else "-", each.consumers if each.exists else "-", each.configured)
            for each in found.queues
        ),
    )
    for finding in found.warnings:
        output.say(f"注意 warning: {finding_text(finding)}")
    if found.findings:
        print_problem(found.findings[0].code, found.findings)
        return ExitCode.NEGATIVE
    return ExitCode.DONE


@app.command()
def rebuild(site: SiteOption, json: JsonOption = False) -> int:
    """キューを空にし、動いているバスに記録簿から送り直させる。 / Empty the queues; a running bus fills them anew."""
    from bus.app.rabbitmq import rebuilt

    output = Output(json=json)
    count = rebuilt(_site(site))
    output.document({"emptied": count})
    output.say(f"空にしました / emptied: {count}")
    output.say("動いているバスは10秒ほどで送り直します / a running bus refills them in about 10 s")
    return ExitCode.DONE


@app.command()
def prune(site: SiteOption, json: JsonOption = False) -> int:
    """設定にない空のキューだけを削除する。 / Delete unconfigured empty queues, and only empty ones."""
    from bus.app.rabbitmq import pruned

    output = Output(json=json)
    deleted, left = pruned(_site(site))
    output.document({"deleted": deleted, "left": left})
    output.say(f"削除 deleted: {len(deleted)}")
    for each in left:
        output.say(f"残し left: {each.name}　待ち ready: {each.ready}　受け手 consumers: {each.consumers}")
    return ExitCode.NEGATIVE if left else ExitCode.DONE


@app.command()
def definitions(site: SiteOption) -> int:
    """rabbitmqctl import_definitions 用の JSON を書き出す（利用者は含まない）。 / Definitions for RabbitMQ, no user."""
    from bus.broker.amqp.topology import definitions as made
    from bus.broker.amqp.topology import receiving, rights

    loaded = load_site(site)
    sys.stdout.write(plain_json.dumps(made(loaded.broker, receiving(loaded)), ensure_ascii=False, indent=1) + "\n")
    patterns = " ".join(f"'{each}'" for each in rights(loaded.broker))
    place = f"-p '{loaded.broker.virtual_host}' {loaded.broker.user}"
    sys.stderr.write(f"権限 rights: rabbitmqctl set_permissions {place} {patterns}\n")
    return ExitCode.DONE
