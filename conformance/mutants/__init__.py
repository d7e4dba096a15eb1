"""Seeded nonconformities: tables of edits on bases without fault, and peers that misbehave."""
