"""The fault matrix: one bus of real processes under load, one thing broken at a time, and every message counted."""
