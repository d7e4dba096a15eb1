"""The suite as a local web page: wizard, live log, a peer to try on, one case again. For one user on one machine."""
