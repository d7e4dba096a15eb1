"""The adapter process: a standard SOAP face, a durable store and the flows between a vendor system and the bus."""
