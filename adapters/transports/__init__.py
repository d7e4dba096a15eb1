"""How a vendor system communicates: file drop, framed TCP and REST, each with the half that stand-ins use."""
