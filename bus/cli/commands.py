"""The built-in commands: where each lives and what it does, so that the overview needs no import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Command:
    """A module with an ``app`` and one line of help in both languages."""

    module: str
    ja: str
    en: str


COMMANDS: Mapping[str, Command] = MappingProxyType(
    {
        "up": Command("bus.cli.up", "バスとアダプターをまとめて起動する", "start the bus and its adapters"),
        "serve": Command("bus.cli.serve", "バスだけを起動する", "start the bus alone"),
        "check": Command("bus.cli.check", "設定フォルダーの誤りをすべて挙げる", "name every problem of a site folder"),
        "secrets": Command("bus.cli.secrets", "資格情報を作る", "create the credentials"),
        "security": Command("bus.cli.security", "電文の署名と暗号を扱う", "signatures and encryption of messages"),
        "tls": Command(
            "bus.cli.tls", "試験用の証明書を作り、TLS が拒否される理由を示す", "test certificates; why TLS is refused"
        ),
        "send": Command("bus.cli.send", "電文を送って回答を見る", "send a message and show the answer"),
        "messages": Command(
            "bus.cli.messages", "電文を探す・追う・再送する・取り消す", "find, trace, resend, cancel messages"
        ),
        "resend": Command(
            "bus.cli.resend", "保留の電文を計画してまとめて再送する", "resend what is parked, as a durable job"
        ),
        "sequences": Command(
            "bus.cli.sequences", "高信頼メッセージングのシーケンスを見る・終わらせる", "see and end reliable sequences"
        ),
        "broker": Command("bus.cli.broker", "RabbitMQ の状態を見る・作り直す・片付ける", "see, rebuild, tidy RabbitMQ"),
        "journal": Command("bus.cli.journal", "記録簿を移し替える・保つ", "carry and keep the journal"),
        "console": Command("bus.cli.console", "運用者の画面を動かす", "serve the operators' console"),
        "routes": Command("bus.cli.routes", "どの規則で誰に届くかを説明する", "explain which rule sends what where"),
        "catalog": Command(
            "bus.cli.catalog", "連携の項目一覧を見る・書き出す・版を比べる", "see, export and compare the interfaces"
        ),
        "version": Command("bus.cli.version", "版を表示する", "show the version"),
    }
)

GROUPS_HELP: Mapping[str, str] = MappingProxyType(
    {
        "characters": "文字と外字を確かめる・決める・報告する / check characters, keep the gaiji register",
        "adapter": "アダプターを作る・確かめる・動かす / make, check and run adapters",
        "simulator": "ベンダー側システムの模擬を動かす / run stand-ins of vendor systems",
        "population": "架空の住民を作る / generate synthetic residents",
        "conformance": "標準への適合を判定する / judge conformance with the standard",
    }
)
