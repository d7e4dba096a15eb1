"""What an adapter remembers durably: inbox, outbox, files, held records, versions, batches and bulk transfers."""

from adapters.host.store.commit import Store

__all__ = ["Store"]
