"""WS-Security 1.0/1.1 for one node: signatures verified by position, encryption, tokens, timestamps, trust.

Read in this order: ``policy`` (what may be asked), ``guard`` (one received message against a policy), ``verify``
(the signature), ``trust`` (whose certificate), ``protect`` (what leaves). Primitives come from ``cryptography``,
canonical forms from libxml2 through lxml: nothing here is built on a document-wide search for ids.
"""
