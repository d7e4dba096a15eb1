"""The predicates, in rooms by subject. Each is a small pure function; a room ends with its table."""
