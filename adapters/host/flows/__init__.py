"""The flows between a vendor system and the bus, one kind per module, all behind the two protocols of ``base``."""
