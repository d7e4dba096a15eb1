"""Helpers that tests of several rooms share: waiting with a deadline, free ports, child processes, programs."""
