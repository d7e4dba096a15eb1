"""SOAP with Attachments (WS-I AP 1.0) and MTOM/XOP: multipart/related read piece by piece, written piece by piece.

``media`` reads the Content-Type of the whole, ``parser`` finds the parts, ``head`` reads their fields, ``content_id``
judges their names, ``transfer`` decodes, ``package`` makes an index of it, ``references`` follows cid: references,
``binary`` knows from a schema where they may stand, ``writer`` writes, ``files`` puts received parts into files.

Everything here is strict where two readers could see different parts in the same bytes: the bus forwards the bytes.
"""
