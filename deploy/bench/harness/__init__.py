"""The benchmark harness: the bus, an nginx reverse proxy and a naive relay, measured in the same run."""
