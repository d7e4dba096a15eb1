"""The message bus: moves standard SOAP messages between registered endpoints and loses none."""
