"""Resend jobs: what is parked is chosen, looked at and sent again in order, durably, each parking once."""
