"""The journal room: the durable truth about every message, its outbox relay and its read side."""
