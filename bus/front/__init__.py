"""The entry for messages over HTTP: limits, identity, health, normative documents; and the management service."""
