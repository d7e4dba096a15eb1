"""What is done to a journal beside the running bus: removing what is old, and keeping the books of that."""
