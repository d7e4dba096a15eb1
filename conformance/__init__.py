"""The judge: decides whether messages and systems meet the standard, sharing no code with what it judges."""
