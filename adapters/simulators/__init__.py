"""Runnable stand-ins of vendor systems with their own proprietary faces."""
