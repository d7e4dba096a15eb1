"""A plain zeep client that knows only the served WSDL: asks for a resident, then sends that resident as a notice.

``client.py WSDL-URL USER SECRET ATENABANGO KIJUNBI``
"""

from __future__ import annotations

import sys

import requests
import zeep
from zeep.transports import Transport

COMMON = "{urn:chiikibus:standard:1.0:common}"


def main(wsdl: str, user: str, secret: str, atenabango: str, kijunbi: str) -> None:
    """Print the resident's items, the receipt's number, or what the fault says."""
    session = requests.Session()
    session.auth = (user, secret)
    client = zeep.Client(wsdl, transport=Transport(session=session))
    try:
        resident = client.service.jumin_shokai(atenabango=atenabango, kijunbi=kijunbi)
        if resident is None:
            print("none")
            return
        for name in resident:
            if resident[name] is not None:
                print(f"{name}={resident[name]}")
        receipt = client.service.ido_tsuchi(jumin=resident)
        print(f"uketsukebango={receipt.uketsukebango}")
    except zeep.exceptions.Fault as fault:
        print(f"fault={fault.message}")
        for shogai in fault.detail.iter(f"{COMMON}shogai"):
            print(f"kodo={shogai.findtext(f'{COMMON}kodo')}")
            for one in shogai.iter(f"{COMMON}shiteki"):
                print(f"shiteki={one.findtext(f'{COMMON}kodo')} {one.findtext(f'{COMMON}komoku')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
