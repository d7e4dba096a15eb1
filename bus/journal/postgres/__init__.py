"""The journal of more than one machine: PostgreSQL behind the same port, with the same promises."""
