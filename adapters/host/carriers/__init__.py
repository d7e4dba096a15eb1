"""Transports of an adapter: they bring a vendor's files and records into folders, and take files from there."""
