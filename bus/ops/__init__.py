"""What operators ask: why a message goes where it goes, how much passed, and who acted."""
