"""Command groups that the adapters contribute to ``chiikibus``: adapter, simulator, population."""
