"""The public vendor API: value types, protocols, errors, and definitions read with all problems at once."""
