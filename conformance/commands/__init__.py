"""The commands of ``conformance``, by what they do; ``conformance.cli`` puts them together."""
