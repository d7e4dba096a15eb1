"""Value types, states, errors, ports and configuration: what every other room of the bus speaks in."""
