"""Adapters: translate a vendor's communication, items and characters into the standard and back."""
