"""The conveyor on RabbitMQ: quorum queues of references, one per endpoint and lane, refilled from the journal.

What travels is never a body and never a key that names a person (``cargo``). ``book`` knows what was handed over and
is not yet settled, ``lanebook`` which lane it takes, ``topology`` the names and properties of the queues, ``link``
is the only module that knows the client library, ``mending`` replaces queues that are lost for good; ``publisher`` and
``subscription`` are the two directions, ``broker`` the port.
"""
