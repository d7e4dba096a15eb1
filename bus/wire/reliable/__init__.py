"""WS-ReliableMessaging 1.1 and 1.2 (namespace 200702) on the wire: header blocks, protocol messages and faults.

Pure functions on lxml trees and frozen values; what a sequence is and who keeps it is not known here.
"""

from __future__ import annotations
