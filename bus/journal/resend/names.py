"""What states of resend jobs and of their items are called in Japanese, by commands and on pages alike."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bus.journal.resend.values import ItemState, JobState

JOBS: Mapping[str, str] = MappingProxyType(
    {
        JobState.PLANNING: "計画中",
        JobState.PLANNED: "計画済み（未実行）",
        JobState.RUNNING: "実行中",
        JobState.PAUSED: "一時停止",
        JobState.DONE: "終了",
        JobState.CANCELLED: "取消し",
    }
)

ITEMS: Mapping[str, str] = MappingProxyType(
    {
        ItemState.WAITING: "未送信",
        ItemState.SENT: "結果待ち",
        ItemState.DELIVERED: "配送済み",
        ItemState.REPLIED: "回答済み",
        ItemState.PARKED: "再び保留",
        ItemState.EXPIRED: "期限切れ",
        ItemState.CANCELLED: "取消し",
        ItemState.SKIPPED: "送らず",
        ItemState.BEHIND: "前の電文待ち",
        ItemState.GONE: "記録なし",
    }
)
