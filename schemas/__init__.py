"""The standard as data: contracts, items, code tables, errors; and the loaders that read them."""
