"""Bytes to and from SOAP: hardened parsing, envelopes, addressing, context, faults, contracts."""
